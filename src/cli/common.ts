import { resolve } from 'node:path';
import { stdout } from 'node:process';
import type { ArgsDef, ParsedArgs } from 'citty';
import type { Engine } from '../engine/index.ts';
import { type EngineRequest, openEngine } from '../runs/open-engine.ts';
import { parseCount } from './numbers.ts';
import { createProgress, type Progress } from './progress.ts';

/** The options that every command takes. */
export const commonArgs = {
  json: { type: 'string', description: 'write the result as JSON to FILE (- is stdout)', valueHint: 'FILE' },
  seed: { type: 'string', description: 'seed of everything random', default: '0', valueHint: 'N' },
  engine: { type: 'string', description: 'auto | onnxruntime | tensorflow', default: 'auto' },
  device: { type: 'string', description: 'auto | cpu | cuda', default: 'auto' },
  threads: { type: 'string', description: 'threads (default: the number of cores)', valueHint: 'N' },
  quiet: { type: 'boolean', description: 'no progress, no tables' },
} as const satisfies ArgsDef;

export type CommonArgs = ParsedArgs<typeof commonArgs>;

/** What a command gets from the common options. */
export interface Context {
  readonly seed: number;
  readonly quiet: boolean;
  readonly progress: Progress;
  /** Aborted by Ctrl-C. A second Ctrl-C ends the process. */
  readonly signal: AbortSignal;
  /** The engine that the options ask for. */
  readonly request: EngineRequest;
  engine(): Promise<Engine>;
  /** Prints text for people, unless it must keep quiet or stdout belongs to JSON. */
  print(text: string): void;
  /** Writes the `--json` result, where one is asked for. */
  json(value: unknown): Promise<void>;
}

export function contextOf(args: CommonArgs): Context {
  const seed = parseCount(args.seed, 'seed', 0);
  const threads = args.threads === undefined ? undefined : parseCount(args.threads, 'threads');
  const { engine, device } = args;
  const request = { engine, device, ...(threads === undefined ? {} : { threads }) };
  const quiet = args.quiet === true;
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  return {
    seed,
    quiet,
    progress: createProgress({ quiet }),
    signal: interrupt.signal,
    request,
    engine: () => openEngine(request),
    print(text) {
      if (!quiet && args.json !== '-') stdout.write(`${text}\n`);
    },
    async json(value) {
      if (args.json === undefined) return;
      const text = `${JSON.stringify(value, null, 2)}\n`;
      if (args.json === '-') stdout.write(text);
      else {
        const { writeFileAtomic } = await import('../io/index.ts');
        await writeFileAtomic(resolve(args.json), text);
      }
    },
  };
}

/** The options as they were typed, for a result's record. */
export const commandLine = (): string[] => process.argv.slice(2);

/** What a run that attacks gets from the common options. Opens the engine: a wrong request should have been refused before. */
export const surroundings = async ({ seed, engine, progress, signal }: Context) => ({
  seed,
  engine: await engine(),
  commandLine: commandLine(),
  onProgress: (stage: string, fraction: number) => progress.update(stage, fraction),
  signal,
});
