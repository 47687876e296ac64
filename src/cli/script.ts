/** Scripts of a checkout that commands hand their work to, with all that they print. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TouchstoneError } from '../errors.ts';
import { INTERRUPTED } from './training-progress.ts';

/** An option that is passed on to a script. */
export const option = (description: string, valueHint: string) =>
  ({ type: 'string', description, valueHint }) as const;

/** Options as a script is given them: `--json` is `--record` there. */
export const passedOptions = (given: Readonly<Record<string, string | undefined>>): string[] =>
  Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name === 'json' ? 'record' : name}`, value],
  );

/**
 * @param name of benchmarks/NAME.ts
 * @param what is said not to be in the package
 * @returns its exit code; 130 at Ctrl-C
 * @throws E_OPTION where this is no checkout
 */
export async function runScript(name: string, args: readonly string[], what: string): Promise<number> {
  const script = fileURLToPath(new URL(`../../benchmarks/${name}.ts`, import.meta.url));
  if (!existsSync(script))
    throw new TouchstoneError('E_OPTION', `no ${script}`, 'a checkout', `${what} are not in the package`);
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // a terminal sends it to the child, too, which may have to save
  process.once('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise<number>((done) =>
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? INTERRUPTED : 1))),
  );
}
