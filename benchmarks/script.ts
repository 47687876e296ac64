/** How a benchmark is run from the command line: its options read, its record kept, its table printed, its end told. */
import { createProgress, type Progress } from '../src/cli/progress.ts';
import { INTERRUPTED } from '../src/cli/training-progress.ts';
import { TouchstoneError } from '../src/errors.ts';
import { type KeepOptions, keeper, type LoadPage, recordText } from './keep.ts';

/** A benchmark with a record. */
export interface Script<Options extends KeepOptions, R> {
  /** As the record's `benchmark` has it. */
  readonly name: string;
  /** @throws E_OPTION for what it does not know */
  parse(argv: readonly string[]): Options;
  run(options: Options, controls: ScriptControls<R>): Promise<R>;
  table(record: R, options: Options): string;
  readonly page?: LoadPage<R>;
  /** Whether something that was asked for failed: it ends with 1. */
  isFailed(record: R): boolean;
}

export interface ScriptControls<R> {
  readonly progress: Progress;
  /** At Ctrl-C. */
  readonly signal: AbortSignal;
  /** With all that is known by then. */
  readonly onRecord: (record: R) => Promise<void>;
}

/** Ends with 0; 1 where something failed; 2 where the request was wrong; 130 at Ctrl-C, with what there is by then. */
export const runBenchmark = <
  Options extends KeepOptions,
  R extends { readonly benchmark: string; readonly state?: string },
>(
  script: Script<Options, R>,
): Promise<void> =>
  runScript(async (argv, signal) => {
    const options = script.parse(argv);
    const keep = keeper(script.name, options, script.page);
    const record = await script.run(options, { progress: createProgress(), signal, onRecord: keep });
    await keep(record);
    process.stdout.write(options.record === '-' ? recordText(record) : script.table(record, options));
    if (options.folder !== undefined) process.stderr.write(`saved in ${options.folder}\n`);
    if (record.state === 'interrupted') return INTERRUPTED;
    return script.isFailed(record) ? 1 : 0;
  });

/** Work that cannot be stopped in the middle ends with its process. */
export const endAt = (signal: AbortSignal): void =>
  signal.addEventListener('abort', () => process.exit(INTERRUPTED));

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
