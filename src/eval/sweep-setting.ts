/** A way to run the attack: a column of the grid. */
export interface SweepSetting {
  readonly steps: number;
  /** As a multiple of ε; null where the attack chooses its own. */
  readonly stepSize: number | null;
  /** Null where the attack has none. */
  readonly restarts: number | null;
}
