/** Evidence for the checks, made by hand. */
import {
  type AttackName,
  checks,
  type Evidence,
  type Finding,
  type Verdict,
} from '../../../src/eval/index.ts';
import { evidence, fake } from '../fakes.ts';

export const run = (id: string, over: Partial<Evidence> = {}): Promise<Finding | undefined> =>
  checks[id]!.run(evidence(over));

/** Of `n` images those in [from, to). */
export const list = (n: number, from: number, to: number): boolean[] =>
  Array.from({ length: n }, (_, i) => i >= from && i < to);

export const broken = (of: Partial<Record<AttackName, readonly boolean[]>>) => ({
  broken: new Map(Object.entries(of)) as Evidence['broken'],
});

/** One case of a check that reads lists: what was broken, and what that comes to. */
export type ListCase = readonly [verdict: Verdict | 'nothing', why: string, over: Partial<Evidence>];

/** `n` grey images of label 0. */
export const grey = (n: number) => ({
  x: { data: new Float32Array(n * 12).fill(0.5), shape: [n, 3, 2, 2] },
  y: new Int32Array(n),
});

/**
 * Label 0 as long as pixel 0 is above `edge`, with a gradient along pixel 0 alone; all others stay where an attack starts.
 *
 * @param slope of the loss by pixel 0, where it is not −1
 */
export const edge = (at: number, slope: (image: Float32Array) => number = () => -1) =>
  fake({
    classes: 2,
    logits: (image) => [image[0]! - at, 0],
    gradient: (_, image) => Array.from(image, (__, i) => (i === 0 ? slope(image) : 0)),
  });
