/** What is summed up over an epoch, and how. The names are the epoch record's. */
export const MEASURES = {
  /** Share of the samples whose direction the second order turned round. */
  flipRate: 'mean',
  /** R(x, δ), eq. (4) of the GAAT paper. */
  residual: 'mean',
  /** l_X: Σ‖∇ₓℓ‖₁ over the epoch. */
  gradientL1: 'sum',
  /** Gradients per sample that made the perturbation. */
  attackSteps: 'mean',
  /** Replays of each mini-batch, r. */
  replays: 'mean',
  /** α. */
  stepSize: 'mean',
  /** Share of the samples whose distance to the next class, by the linearised logits, is above ε. */
  robustShare: 'mean',
  /** Share of the mini-batches that were attacked with exact gradients. */
  exactShare: 'mean',
} as const satisfies Record<string, 'mean' | 'sum'>;

export type Measure = keyof typeof MEASURES;

/** What one mini-batch gave. */
export interface StepRecord {
  /** Samples. */
  readonly n: number;
  /** Mean loss of what was trained on, before the step. */
  readonly loss: number;
  readonly correct: number;
  /** Means over the samples, or (l_X) sums. */
  readonly measures?: Readonly<Partial<Record<Measure, number>>>;
}
