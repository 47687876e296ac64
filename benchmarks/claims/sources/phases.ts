/** `bench phases`: the functions that train, timed one by one, and runs projected from them. Only what claims need is read. */
import { z } from 'zod';
import type { Times } from '../found.ts';
import { batchesOf, type Ours } from '../ours.ts';
import { originOf, source } from './source.ts';

const milliseconds = z.number().positive();
const set = { model: z.string(), engine: z.string(), device: z.string(), batch: z.int().positive() };
const phases = z.object({
  benchmark: z.literal('phases'),
  machine: z.object({ cpu: z.string(), cores: z.int().positive() }),
  threads: z.int().positive(),
  steps: z.int().positive(),
  rows: z.array(
    z.object({ ...set, phase: z.string(), steps: z.int().positive().optional(), p50: milliseconds }),
  ),
  projections: z.array(z.object({ ...set, method: z.string(), batchMilliseconds: milliseconds })),
});
type Phases = z.infer<typeof phases>;
type Row = Phases['rows'][number];

/** Of one network on one engine. */
interface Bed {
  /** T that RAT was timed with. */
  readonly steps: number;
  phase(name: string, steps?: number): number | null;
  /** A mini-batch that is attacked, with its update. */
  batch(method: string): number | null;
}

function bedOf({ rows, projections, steps }: Phases, of: Row): Bed {
  const isHere = (r: { model: string; engine: string; device: string; batch: number }): boolean =>
    r.model === of.model && r.engine === of.engine && r.device === of.device && r.batch === of.batch;
  const find = (name: string, T?: number) =>
    rows.find(
      (r) => isHere(r) && r.phase === name && (T === undefined || r.steps === undefined || r.steps === T),
    );
  return {
    steps,
    phase: (name, T) => find(name, T)?.p50 ?? null,
    batch: (method) => projections.find((p) => isHere(p) && p.method === method)?.batchMilliseconds ?? null,
  };
}

const times = (count: number, of: number | null): number | null => (of === null ? null : count * of);

/** Milliseconds of one of RAT's steps among many. */
const ratStep = (bed: Bed): number | null => times(1 / bed.steps, bed.phase('RAT lines 5-8', bed.steps));

/** Another T than was timed costs so many steps more. */
function withSteps(bed: Bed, method: string, steps: number): number | null {
  const [whole, step] = [bed.batch(method), ratStep(bed)];
  if (whole === null || steps === bed.steps) return whole;
  return step === null ? null : whole + (steps - bed.steps) * step;
}

/** Milliseconds of a mini-batch in epoch t of those that attack, from 1; null where the record or the data leave it open. */
function attacked(bed: Bed, { method, steps, replays, every }: Ours, t: number): number | null {
  switch (method) {
    case 'pgd':
    case 'dat':
      return withSteps(bed, method, steps);
    case 'free':
      return times(replays, bed.phase('DEAT lines 6-9'));
    case 'deat':
      return every === 0 ? null : times(Math.ceil(t / every), bed.phase('DEAT lines 6-9'));
    case 'trades':
      return bed.phase('TRADES lines 6-8', steps) === null ? null : bed.batch(method);
    case 'mart':
      return bed.phase('RAT lines 5-8', steps) === null ? null : bed.batch(method);
    default: // natural; one step (fast), or T that are one (gaat); rivals (efgsm)
      return bed.batch(method);
  }
}

/** Seconds of a run: each epoch's mini-batches, natural ones first. */
function project(bed: Bed, ours: Ours, batch: number): number | null {
  if (ours.endsEarly) return null;
  const natural = Math.round(ours.naturalShare * ours.epochs);
  const epochs = Array.from({ length: ours.epochs }, (_, i) =>
    i < natural ? bed.batch('natural') : attacked(bed, ours, i + 1 - natural),
  );
  const sum = epochs.reduce((a, b) => (a === null || b === null ? null : a + b), 0);
  return sum === null ? null : (batchesOf({ data: ours.data, batchSize: batch }) * sum) / 1000;
}

function timesOf(record: Phases, of: Row, path: string): Times {
  const bed = bedOf(record, of);
  const { model, batch } = of;
  return {
    origin: originOf(path, record.machine),
    about: `${of.engine} on ${of.device}, ${record.threads} threads, batches of ${batch}, from phases`,
    ...{ isProjected: true, batchSize: batch },
    seconds: (ours) => (ours.model === model ? project(bed, ours, batch) : null),
    nearest(ours) {
      const seconds = project(bed, ours, batch);
      return seconds === null ? null : { seconds, about: `${model}, T = ${ours.steps}, projected` };
    },
    phase(name, ours) {
      if (ours.model !== model) return null;
      return name === 'pgd' ? times(ours.steps, ratStep(bed)) : bed.phase('RAT lines 6-7');
    },
  };
}

export const phasesSource = source(
  'phases',
  ({ benchmark }) => benchmark === 'phases',
  phases,
  (record, path) => {
    const firsts = new Map(
      record.rows.map((r) => [[r.model, r.batch, r.engine, r.device].join(), r] as const),
    );
    return { times: [...firsts.values()].map((of) => timesOf(record, of, path)) };
  },
);
