/** `bench engines`: phases of one mini-batch, from which runs of a few methods are projected. */

import type { Phase } from '../../engines/phases.ts';
import { type EnginesRecord, enginesRecord, type Row } from '../../engines/record.ts';
import type { Times } from '../found.ts';
import { IMAGES, type Ours } from '../ours.ts';
import { originOf, source } from './source.ts';

/** Milliseconds of a mini-batch by phase; what was not timed is not there. */
type Timed = Partial<Record<Phase, number>>;
const STEPS = 10; // of the phases pgd-10 and rat-10

/** One of many attack steps: the cost of loading frozen weights is shared among them. */
function stepOfMany({
  'pgd-10': ten,
  'rat-10': rat,
  'train-step': train,
  'pgd-step': one,
}: Timed): number | undefined {
  if (ten !== undefined) return ten / STEPS;
  return rat !== undefined && train !== undefined ? (rat - train) / STEPS : one;
}

/** Milliseconds of making a mini-batch's adversarial examples; undefined for a method that these phases do not make up. */
function attackOf({ method, steps }: Ours, timed: Timed): number | undefined {
  const many = stepOfMany(timed);
  const once = timed['pgd-step'] ?? many;
  switch (method) {
    case 'natural':
      return 0;
    case 'pgd':
    case 'dat':
      return many === undefined ? undefined : steps * many;
    case 'gaat': // one gradient; its T steps are one, of a vector
    case 'dat+gaat':
    case 'fast':
      return once;
    default:
      return undefined;
  }
}

/** Seconds of a run; batches of another size cost as much per image. */
function project(ours: Ours, timed: Timed, batch: number): number | null {
  const [attack, train] = [attackOf(ours, timed), timed['train-step']];
  if (attack === undefined || train === undefined || ours.endsEarly) return null;
  const attacked = ours.epochs - Math.round(ours.naturalShare * ours.epochs);
  return ((IMAGES[ours.data] / batch) * (ours.epochs * train + attacked * attack)) / 1000;
}

function timesOf(rows: readonly Row[], record: EnginesRecord, path: string): Times {
  const { model, batch, engine, device } = rows[0]!;
  const timed: Timed = Object.fromEntries(rows.map(({ phase, median }) => [phase, median]));
  const phase = (name: 'pgd' | 'pgd-step', { steps }: Ours): number | null => {
    const one = stepOfMany(timed);
    if (name === 'pgd-step') return timed['pgd-step'] ?? null;
    return one === undefined ? null : steps * one;
  };
  return {
    origin: originOf(path, record.machine),
    about: `${engine} on ${device}, ${record.threads} threads, batches of ${batch}, from phases`,
    isProjected: true,
    batchSize: batch,
    seconds: (ours) => (ours.model === model ? project(ours, timed, batch) : null),
    nearest(ours) {
      const seconds = project(ours, timed, batch);
      return seconds === null ? null : { seconds, about: `${model}, T = ${ours.steps}, projected` };
    },
    phase: (name, ours) => (ours.model === model ? phase(name, ours) : null),
  };
}

/** Ours alone: what another library takes says nothing about this one's training. */
const OURS = ['onnxruntime', 'tensorflow'];

export const enginesSource = source(
  'engines',
  ({ benchmark, rows }) =>
    benchmark === 'engines' && Array.isArray(rows) && rows.every((row) => 'phase' in (row as object)),
  enginesRecord,
  (record, path) => {
    const ours = record.rows.filter(({ engine }) => OURS.some((name) => engine.startsWith(name)));
    const groups = new Map<string, Row[]>();
    for (const row of ours) {
      const group = JSON.stringify([row.model, row.batch, row.engine, row.device]);
      groups.set(group, [...(groups.get(group) ?? []), row]);
    }
    return { times: [...groups.values()].map((rows) => timesOf(rows, record, path)) };
  },
);
