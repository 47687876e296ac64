/** Engines side by side: the same networks, weights and images, in turn within one run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectures } from '../../models/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { inspect } from '../../src/eval/index.ts';
import { toModel } from '../../src/graph/index.ts';
import { machine, readModelFile, tool, writeModelFile } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import { nvidiaGpus } from '../../src/setup/gpu.ts';
import { thisHost } from '../../src/setup/host.ts';
import { interleaved } from '../measure.ts';
import { RULE } from '../ratio.ts';
import { type Contestant, type Entrant, type Entry, openContestant } from './contestants.ts';
import { batchSizeOf, type EnginesOptions, EXPORTED } from './options.ts';
import { batchOf, type Job, needsTraining, type Phase, type Run } from './phases.ts';
import { type EnginesRecord, type Measured, type Row, rowsOf } from './record.ts';

/** Says, in a line, what is going on or did not go well. */
export type Say = (line: string) => void;

export interface Controls {
  /** @default nothing is said */
  readonly say?: Say;
  /** After every model, with all that is known by then. */
  readonly onRecord?: (record: EnginesRecord) => Promise<void>;
}

/** Work that takes longer, in milliseconds, is not warmed up in every round. */
const LONG = 500;

/**
 * @returns the record; an engine that is not set up is left out, what fails on the way is among its failures
 * @throws E_ENGINE where no engine is set up
 */
export async function benchEngines(
  options: EnginesOptions,
  { say = () => {}, onRecord }: Controls = {},
): Promise<EnginesRecord> {
  const { contestants, leftOut } = await openAll(options, say);
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  const failures: EnginesRecord['failures'] = [];
  const fail = (failure: EnginesRecord['failures'][number]) => {
    failures.push(failure);
    say(
      `failed: ${failure.model}, ${failure.engine}${failure.phase ? `, ${failure.phase}` : ''}: ${failure.why}`,
    );
  };
  const rows: Row[] = [];
  const record = await headOf(options, contestants);
  const soFar = (): EnginesRecord => ({ ...record, leftOut, failures, rows, rule: RULE });
  try {
    for (const model of options.models) {
      say(`${model}, ${batchSizeOf(model, options)} images`);
      rows.push(...(await measureModel(model, { options, contestants, folder, fail })));
      await onRecord?.(soFar());
    }
  } finally {
    for (const contestant of contestants) await contestant.close();
    rmSync(folder, { recursive: true });
  }
  return soFar();
}

async function headOf({ rounds }: EnginesOptions, contestants: readonly Contestant[]) {
  const onGpu = contestants.some((c) => c.device === 'cuda');
  return {
    benchmark: 'engines' as const,
    tool: tool(),
    machine: machine(),
    gpus: onGpu ? await nvidiaGpus(thisHost()) : [],
    tf32: onGpu && process.env.NVIDIA_TF32_OVERRIDE !== '0',
    threads: contestants[0]!.threads,
    rounds,
    versions: Object.assign({}, ...contestants.map((c) => c.versions)) as EnginesRecord['versions'],
  };
}

async function openAll(options: EnginesOptions, say: Say) {
  const contestants: Contestant[] = [];
  const leftOut: EnginesRecord['leftOut'] = [];
  for (const engine of options.engines) {
    try {
      contestants.push(await openContestant(engine, options));
    } catch (error) {
      if (!(error instanceof TouchstoneError) || error.code !== 'E_ENGINE') throw error;
      const why = error.message.replace(/^E_ENGINE: /, '');
      leftOut.push({ engine, why });
      say(`${engine} is left out: ${why}`);
    }
  }
  if (contestants.length === 0)
    throw new TouchstoneError(
      'E_ENGINE',
      `none of ${options.engines.join(', ')} is set up`,
      'one',
      leftOut.map(({ engine, why }) => `${engine}: ${why}`).join('; '),
    );
  return { contestants, leftOut };
}

interface Setting {
  readonly options: EnginesOptions;
  readonly contestants: readonly Contestant[];
  readonly folder: string;
  readonly fail: (failure: EnginesRecord['failures'][number]) => void;
}

/** One piece of work: a variant of an engine in a phase. */
interface Piece extends Omit<Measured, 'samples' | 'forward' | 'backward'> {
  readonly job: Job;
}

async function measureModel(model: string, setting: Setting): Promise<Row[]> {
  const { options, fail } = setting;
  const open: Entrant[] = [];
  try {
    const pieces = await prepared(model, setting, open);
    const last = new Map<Piece, Run>();
    const ready = new Map<string, Piece>();
    // What cannot run says so here, before others wait for it in every round.
    for (const piece of inOrder(pieces, options.phases)) {
      try {
        last.set(piece, await piece.job());
        ready.set(`${piece.engine}: ${piece.phase}`, piece);
      } catch (error) {
        fail({ model, engine: piece.engine, phase: piece.phase, why: lineOf(error) });
      }
    }
    const work = [...ready].map(([name, piece]) => {
      const run = async () => {
        const done = await piece.job();
        last.set(piece, done);
        return done.milliseconds;
      };
      return [name, run] as const;
    });
    const samples = await interleaved(options.rounds, Object.fromEntries(work), {
      warmUpBelow: LONG,
      ...(options.seconds === undefined ? {} : { seconds: options.seconds }),
    });
    const measured = [...ready].map(([name, { job: _, ...piece }]) => {
      const { forward, backward } = last.get(ready.get(name)!)!;
      return { ...piece, forward, backward, samples: samples[name]! };
    });
    return rowsOf(model, batchSizeOf(model, options), measured);
  } catch (error) {
    fail({ model, engine: 'all', phase: null, why: lineOf(error) });
    return [];
  } finally {
    for (const entrant of open) await entrant.close().catch(() => {});
  }
}

/** All that there is to do for a model. */
async function prepared(model: string, setting: Setting, open: Entrant[]): Promise<Piece[]> {
  const { contestants, fail } = setting;
  const entry = await entryOf(model, setting);
  const pieces: Piece[] = [];
  for (const contestant of contestants)
    for (const variant of contestant.variants(model)) {
      try {
        const entrant = await contestant.prepare(entry, variant);
        open.push(entrant);
        const { name: of, device } = contestant;
        for (const [phase, job] of entrant.jobs) pieces.push({ of, engine: variant, device, phase, job });
      } catch (error) {
        fail({ model, engine: variant, phase: null, why: lineOf(error) });
      }
    }
  return pieces;
}

/** The same phase of all engines in a row: what they are compared in lies closest together. */
const inOrder = (pieces: readonly Piece[], phases: readonly Phase[]): Piece[] =>
  phases.flatMap((phase) => pieces.filter((piece) => piece.phase === phase));

/** The network, drawn by us or by PyTorch, and in a file for the other. */
async function entryOf(model: string, { options, contestants, folder }: Setting): Promise<Entry> {
  const file = join(folder, `${model}.onnx`);
  const size = batchSizeOf(model, options);
  if (!EXPORTED.includes(model)) {
    const architecture = architectures[model]!;
    const trained = architecture.build(key(0));
    await writeModelFile(file, toModel(trained));
    const { graph: audited } = inspect((await readModelFile(file)).model);
    const batch = batchOf(size, architecture.input);
    return { model, file, exported: false, audited, trained, phases: options.phases, batch };
  }
  const pytorch = contestants.find((c) => c.exportTo);
  if (!pytorch?.exportTo) throw new TouchstoneError('E_ENGINE', 'no PyTorch, which is to export it');
  const phases = options.phases.filter((phase) => !needsTraining(phase));
  const batch = batchOf(size, [3, 32, 32]);
  await pytorch.exportTo(model, file);
  const { graph: audited } = inspect((await readModelFile(file)).model);
  return { model, file, exported: true, audited, phases, batch };
}

const lineOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
