/** The record of `bench attacks`, and what is computed of its samples. */
import { z } from 'zod';
import { median, quantile } from '../measure.ts';
import { machineShape, toolShape } from '../origin.ts';
import { fasterOf, ratioOf } from '../ratio.ts';
import { type BoutName, boutNames, CURVES, type CurveName, TOOLS } from './bouts.ts';

const count = z.int().nonnegative();
const images = z.number().nonnegative();
const seconds = z.number().positive();
const share = z.number().min(0).max(1);
const tool = z.enum(TOOLS);

const samples = z.object({
  seconds: z.array(seconds),
  standing: z.array(count).describe('images that stood, by round'),
  forwards: z.array(count).describe('images passed forward, by round'),
  backwards: z.array(count),
});

const who = { attack: z.enum(boutNames), tool };
const why = z.string();

const measured = z.object({
  state: z.literal('measured'),
  ...who,
  n: z.int().positive().describe('rounds'),
  robustAccuracy: share.describe(
    'of all images, misclassified ones included; median of the rounds, each with a seed of its own',
  ),
  seconds: seconds.describe('median'),
  quartiles: z.tuple([seconds, seconds]).describe('first and third'),
  forwards: images.describe('images passed forward: ours by the engine, others by a hook; median'),
  backwards: images.describe('the same, backwards'),
  outside: count.describe('of the images found in the last round, those further away than the radius'),
  overOurs: z
    .object({
      median: z.number().positive(),
      interval: z.tuple([z.number(), z.number()]).nullable().describe('null with fewer than six rounds'),
    })
    .nullable()
    .describe('seconds ÷ ours, round by round; null where ours was not run'),
  faster: tool.nullable().describe('ours or this one, where the interval is clear of 1'),
  samples,
});

const row = z.discriminatedUnion('state', [
  measured,
  z.object({ state: z.literal('absent'), ...who, why }),
  z.object({ state: z.literal('failed'), ...who, why }),
]);
export type Row = z.infer<typeof row>;
export type MeasuredRow = z.infer<typeof measured>;

const point = z.object({
  attack: z.enum(Object.keys(CURVES) as [CurveName, ...CurveName[]]),
  tool,
  steps: z.int().positive(),
  robustAccuracy: share,
  seconds,
  forwards: count,
  backwards: count,
});
export type Point = z.infer<typeof point>;

export const attacksRecord = z.object({
  benchmark: z.literal('attacks'),
  date: z.iso.datetime(),
  state: z.enum(['whole', 'interrupted', 'running']),
  tool: toolShape,
  machine: machineShape,
  versions: z.record(z.string(), z.string()),
  threads: z.int().positive(),
  rounds: z.int().positive().describe('asked for'),
  batch: z.int().positive().describe('images at a time, of every tool'),
  model: z.object({ path: z.string(), sha256: z.string() }),
  data: z.object({
    name: z.string(),
    sha256: z.string(),
    n: z.int().positive().describe('the first N images'),
    attacked: z.int().positive().describe('of these, classified correctly'),
    pixels: z.int().positive().describe('of an image'),
  }),
  epsilon: z.object({ linf: z.number().positive(), l2: z.number().positive() }),
  rows: z.array(row),
  curve: z.array(point),
  failures: z.array(z.object({ what: z.string(), why })),
  rule: z.string().optional().describe('when a row says who is faster'),
});
export type AttacksRecord = z.infer<typeof attacksRecord>;

/** One run of one tool. */
export interface Run {
  readonly seconds: number;
  readonly standing: number;
  readonly forwards: number;
  readonly backwards: number;
  readonly outside: number;
}

/** What was measured of one tool in one attack, a run per round. */
export interface Measured {
  readonly attack: BoutName;
  readonly tool: Row['tool'];
  readonly runs: readonly Run[];
}

/**
 * A row of its samples.
 *
 * @param ours our runs in the same attack, in the same rounds; undefined where there are none
 * @param n images, the misclassified ones included
 */
export function rowOf({ attack, tool, runs }: Measured, ours: readonly Run[] | undefined, n: number): Row {
  const all = (of: Exclude<keyof Run, 'outside'>) => runs.map((run) => run[of]);
  const times = all('seconds');
  const ratio =
    ours &&
    ratioOf(
      times,
      ours.map((run) => run.seconds),
    );
  const faster = ratio && tool !== 'touchstone' ? fasterOf(ratio) : null;
  return {
    state: 'measured',
    attack,
    tool,
    n: runs.length,
    robustAccuracy: median(all('standing')) / n,
    seconds: median(times),
    quartiles: [quantile(times, 0.25), quantile(times, 0.75)],
    forwards: median(all('forwards')),
    backwards: median(all('backwards')),
    outside: runs.at(-1)!.outside,
    overOurs: ratio ? { median: ratio.median, interval: ratio.interval && [...ratio.interval] } : null,
    faster: faster && (faster === 'over' ? tool : 'touchstone'),
    samples: {
      seconds: times,
      standing: all('standing'),
      forwards: all('forwards'),
      backwards: all('backwards'),
    },
  };
}
