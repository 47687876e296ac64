/** How a benchmark of training runs ends. */
import { INTERRUPTED } from '../../src/cli/training-progress.ts';
import { TouchstoneError } from '../../src/errors.ts';

/**
 * Runs it with the command line's arguments and a signal that Ctrl-C gives; its exit code is what it returns, 2 where the
 * request was wrong, 1 where it fails otherwise, 130 where it was stopped.
 */
export async function runScript(
  main: (argv: readonly string[], signal: AbortSignal) => Promise<number>,
): Promise<void> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort()); // a second one ends the process
  process.exitCode = await main(process.argv.slice(2), interrupt.signal).catch((error: unknown) => {
    const isStopped = error instanceof Error && error.name === 'AbortError';
    const line = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      isStopped ? 'stopped and saved; the same command goes on from here\n' : `error ${line}\n`,
    );
    if (isStopped) return INTERRUPTED;
    return error instanceof TouchstoneError ? 2 : 1;
  });
}
