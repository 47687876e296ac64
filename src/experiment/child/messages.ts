/** What a worker and its child process say to each other: plain data. */
import { type ErrorCode, TouchstoneError } from '../../errors.ts';
import type { JobDone, Workplace } from '../execute/workplace.ts';

/** A workplace as data: the child opens the store itself. */
export interface ChildPlace extends Omit<Workplace, 'store'> {
  /** As `--store` takes it. */
  readonly store: string;
}

export type ToChild =
  | {
      readonly type: 'run';
      readonly payload: unknown;
      readonly place: Omit<ChildPlace, 'data'> & { readonly data: readonly (readonly [string, string])[] };
    }
  /** Ends the job under way soon; what is half done stays. */
  | { readonly type: 'abort' };

export type FromChild =
  | { readonly type: 'progress'; readonly fraction: number; readonly stage: string }
  | { readonly type: 'done'; readonly done: JobDone }
  | { readonly type: 'error'; readonly error: ErrorData };

/** An error on its way between processes. */
interface ErrorData {
  readonly name: string;
  readonly message: string;
  readonly code?: ErrorCode;
  readonly got?: string;
  readonly expected?: string;
  readonly remedy?: string;
}

export function errorData(error: unknown): ErrorData {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  if (!(error instanceof TouchstoneError)) return { name, message };
  const { code, got, expected, remedy } = error;
  return {
    name,
    message,
    code,
    got,
    ...(expected === undefined ? {} : { expected }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

export function errorOf({ name, message, code, got, expected, remedy }: ErrorData): Error {
  if (code !== undefined && got !== undefined) return new TouchstoneError(code, got, expected, remedy);
  const error = new Error(message.replace(/\s*\n\s*/g, ' '));
  error.name = name;
  return error;
}
