/** The runs that `bench gaat` compares: T·α = 1.25 ε in all of them, as the paper has it on CIFAR-10 ({10, 1/255, 8/255}). */
import type { RunOptions } from '../../src/runs/train-run.ts';
import { common } from '../methods/settings.ts';
import type { RunSpec } from '../runs/runs.ts';

export interface GaatSpec extends RunSpec {
  readonly about: string;
  /** By the listing. */
  readonly backwards: number;
}

/** T·α, in units of ε. */
export const REACH = 1.25;
export const STEPS = 10;

/** α of T steps that reach as far as all others. */
const attack = (steps: number) => ({ steps, stepSize: (REACH * common.epsilon) / steps });
const random = { start: 'random' } as const;

const spec = (
  name: string,
  label: string,
  about: string,
  backwards: number,
  options: RunOptions,
): GaatSpec => ({
  ...{ name, label, about, backwards, options },
});

/** What savings are against. */
export const YARDSTICK = 'rat-10';

export const gaatRuns: readonly GaatSpec[] = [
  spec(YARDSTICK, 'RAT, T = 10', 'ten exact gradients', 11, { method: 'pgd', ...attack(STEPS) }),
  spec('gaat', 'GAAT', 'eq. (8), from a random start as in §5.1', 2, {
    method: 'gaat',
    ...random,
    ...attack(STEPS),
  }),
  spec('r-fgsm-at-x', 'R+FGSM at x', 'a random start, then one step along sign J, J taken at x', 2, {
    ...{ method: 'gaat', hessian: 'none', ...random, ...attack(1) },
  }),
  spec('u-fgsm', 'U-FGSM', 'the same step, its gradient taken at x + δ⁰', 2, {
    method: 'fast',
    ...random,
    ...attack(1),
  }),
  spec('gaat-zero', 'GAAT from 0', 'eq. (8), from δ⁰ = 0 as in Algorithm 2', 2, {
    ...{ method: 'gaat', start: 'zero', ...attack(STEPS) },
  }),
  spec('fgsm', 'FGSM', 'one step from δ⁰ = 0', 2, { method: 'fast', start: 'zero', ...attack(1) }),
  spec('gaat-diagonal', 'GAAT, eq. (10)', 'the diagonal of H, by one probe', 3, {
    ...{ method: 'gaat', hessian: 'diagonal', ...random, ...attack(STEPS) },
  }),
  spec('gaat-exact-1', 'GAAT, exact H, T = 1', 'one step, with an exact Hδ', 3, {
    ...{ method: 'gaat', hessian: 'exact', ...random, ...attack(1) },
  }),
  spec('rat-2', 'RAT, T = 2', 'two exact gradients: as many passes', 3, { method: 'pgd', ...attack(2) }),
  spec(
    'gaat-exact-9',
    'GAAT, exact H, T = 9',
    'nine steps, each with an exact Hδ: as many passes as RAT, T = 10',
    11,
    {
      ...{ method: 'gaat', hessian: 'exact', ...random, ...attack(9) },
    },
  ),
];

/** Runs that are a paper's method as it has it; the others vary H, the start or T. */
export const AS_PUBLISHED: readonly string[] = [YARDSTICK, 'gaat', 'u-fgsm'];

/** Runs that are the same arithmetic while nothing flips: T steps of α are one of T·α; and J·δ⁰ = 0 where δ⁰ = 0. */
export const TWINS = [
  ['gaat', 'r-fgsm-at-x'],
  ['gaat-zero', 'fgsm'],
] as const;

/** Runs whose every epoch is looked at. */
export const LOOKED_AT: readonly string[] = [YARDSTICK, 'gaat'];
