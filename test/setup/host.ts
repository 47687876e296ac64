import { thisHost } from '../../src/setup/host.ts';
import type { Host } from '../../src/setup/index.ts';
import type { Ended, RunOptions } from '../../src/setup/run.ts';

export type Program = (
  args: readonly string[],
  options: RunOptions,
) => Partial<Ended> | Promise<Partial<Ended>>;

export interface Machine extends Partial<Omit<Host, 'run' | 'exists' | 'freeBytes' | 'packageFolder'>> {
  /** What runs under which name; every other name is not found. */
  readonly programs?: Readonly<Record<string, Program>>;
  readonly files?: readonly string[];
  readonly free?: number;
  readonly packages?: Readonly<Record<string, string>>;
}

export const GB = 1e9;

/** What python3 answers on a machine that has one, with pip. */
export const python =
  (version = '3.11.7', pip = '23.2.1'): Program =>
  () => ({ stdout: `${version}\n${pip}\n` });

export const compiler: Program = () => ({ stdout: 'g++ (Debian) 12.2.0\nCopyright\n' });

export const HEADERS = '/usr/include/node/node_api.h';

/** A machine made up: bare Linux on x64, but for what is given. */
export function machine({
  programs = {},
  files = [],
  free = 100 * GB,
  packages = {},
  ...rest
}: Machine = {}): Host {
  return {
    platform: 'linux',
    arch: 'x64',
    glibc: '2.36',
    nodeVersion: '20.19.0',
    napi: 9,
    execPath: '/opt/node/bin/node',
    home: '/home/someone',
    env: {},
    cores: 4,
    memoryBytes: 16 * GB,
    async run(command, args, options = {}) {
      const program = programs[command];
      if (!program) return { code: null, stdout: '', stderr: `spawn ${command} ENOENT` };
      return { code: 0, stdout: '', stderr: '', ...(await program(args, options)) };
    },
    exists: (path) => files.includes(path),
    freeBytes: () => free,
    packageFolder: (name) => packages[name],
    ...rest,
  };
}

/** This machine, but for what is given. */
export const thisMachine = (changes: Partial<Host>): Host => ({ ...thisHost(), ...changes });

/** Keeps what it is told. */
export function listener(): { lines: string[]; line(text: string): void; update(): void; end(): void } {
  const lines: string[] = [];
  return { lines, line: (text) => lines.push(text), update() {}, end() {} };
}
