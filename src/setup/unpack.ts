import { dirname, join } from 'node:path';
import fs from 'fs-extra';
import { writeFileAtomic } from '../io/index.ts';
import { type Reporter, SetupFailure } from './failure.ts';
import type { Host } from './host.ts';
import { lastLine } from './run.ts';
import type { Python } from './tools.ts';
import type { Wheel } from './wheels.ts';

/** What was unpacked of a wheel: written last, so that what has a receipt is whole. */
interface Receipt {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Path below the folder, and bytes. */
  readonly files: readonly (readonly [path: string, bytes: number])[];
}

const receiptPath = (folder: string, { name }: Wheel): string => join(folder, 'receipts', `${name}.json`);

/** Whether all that is wanted of a wheel lies in a folder. */
export function isUnpacked(wheel: Wheel, folder: string): boolean {
  const path = receiptPath(folder, wheel);
  if (!fs.existsSync(path)) return false;
  const receipt = fs.readJsonSync(path) as Receipt;
  return (
    receipt.sha256 === wheel.sha256 &&
    receipt.files.every(
      ([file, bytes]) => fs.statSync(join(folder, file), { throwIfNoEntry: false })?.size === bytes,
    )
  );
}

// Python's zipfile checks the CRCs, keeps memory small and reads archives beyond 4 GB. It is here because pip is.
const UNZIP = `
import json, os, re, shutil, sys, zipfile
archive, folder, keep = sys.argv[1:]
files, done = [], 0
with zipfile.ZipFile(archive) as z:
    chosen = [i for i in z.infolist() if not i.is_dir() and re.search(keep, i.filename)]
    total = sum(i.file_size for i in chosen)
    for i in chosen:
        path = z.extract(i, folder)
        if (i.external_attr >> 16) & 0o111: os.chmod(path, 0o755)
        files.append([os.path.relpath(path, folder), i.file_size])
        done += i.file_size
        print('progress', done, total, flush=True)
print('files', json.dumps(files))
`;

export interface Unpack {
  readonly host: Host;
  readonly python: Python;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
}

/**
 * Unpacks what is wanted of a wheel: into the scratch folder, then file by file renamed into place.
 *
 * @throws SetupFailure where the archive is damaged or the disk full
 */
export async function unpackWheel(
  wheel: Wheel,
  { archive, scratch, folder }: { archive: string; scratch: string; folder: string },
  { host, python, reporter, signal }: Unpack,
): Promise<void> {
  const tree = join(scratch, 'tree');
  await fs.emptyDir(tree);
  const { code, stdout, stderr } = await host.run(python.command, ['-c', UNZIP, archive, tree, wheel.keep], {
    ...(signal ? { signal } : {}),
    onLine(line) {
      const [what, done, total] = line.split(' ');
      if (what === 'progress') reporter.update(`  unpacking ${wheel.name}`, Number(done) / Number(total));
    },
  });
  reporter.end();
  signal?.throwIfAborted();
  const listed = /^files (.*)$/m.exec(stdout)?.[1];
  if (code !== 0 || !listed)
    throw new SetupFailure(
      `cannot unpack ${wheel.name} ${wheel.version} (${lastLine(stderr)})`,
      'see to the disk, then run the command again',
    );
  const files = JSON.parse(listed) as Receipt['files'];
  for (const [file] of files) {
    await fs.ensureDir(dirname(join(folder, file)));
    await fs.rename(join(tree, file), join(folder, file));
  }
  const { name, version, sha256 } = wheel;
  const receipt: Receipt = { name, version, sha256, files };
  await writeFileAtomic(receiptPath(folder, wheel), JSON.stringify(receipt));
}
