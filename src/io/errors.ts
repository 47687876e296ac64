import { type ErrorCode, TouchstoneError } from '../errors.ts';

/** What a system error means, in words, and what to do about it. */
const REASONS: Readonly<Record<string, readonly [meaning: string, remedy: string]>> = {
  EACCES: ['permission denied', 'check the permissions'],
  EPERM: ['permission denied', 'check the permissions'],
  EROFS: ['the file system is read-only', 'choose another folder'],
  ENOSPC: ['the disk is full', 'free some space, or choose another disk'],
  EDQUOT: ['the disk quota is used up', 'free some space, or choose another disk'],
  EFBIG: ['the file is larger than the file system or limit allows', 'choose another disk'],
  ENOENT: ['there is no such file or folder', 'check the path'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'check the path'],
  EEXIST: ['a file is in the way of a folder', 'check the path'],
  EISDIR: ['it is a folder', 'name a file'],
  ELOOP: ['symbolic links go round in a circle', 'check the links'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  EMFILE: ['too many files are open', 'close some, or raise the limit (ulimit -n)'],
  EBUSY: ['it is in use', 'close the program that uses it'],
  EIO: ['the device failed', 'check the disk'],
};

/** A system error as one line a person can act on; a TouchstoneError stays as it is. */
export function fileError(code: ErrorCode, doing: string, cause: unknown): TouchstoneError {
  if (cause instanceof TouchstoneError) return cause;
  const system = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const reason = system === undefined ? undefined : REASONS[system];
  const meaning = reason?.[0] ?? (cause instanceof Error ? cause.message : String(cause));
  return new TouchstoneError(code, `${doing}: ${meaning}`, undefined, reason?.[1], { cause });
}
