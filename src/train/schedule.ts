/** Learning rates, as pure functions of the fractional epoch: 2.5 is the middle of the third. */

export interface ScheduleOptions {
  /** The largest rate. */
  readonly learningRate: number;
  /** Of the whole run. */
  readonly epochs: number;
  /** The rate rises linearly from 0 over so many epochs, on top of the schedule. @default 0 */
  readonly warmup?: number;
  /** `multistep`: the rate is multiplied by `gamma` after each of these epochs. @default [] */
  readonly milestones?: readonly number[];
  /** @default 0.1 */
  readonly gamma?: number;
  /** `cyclic`: the share of the run at which the rate is largest. @default 0.5 */
  readonly peak?: number;
}

/** From the fractional epoch, in [0, epochs], to the learning rate. */
export type Schedule = (epoch: number) => number;

const warmed =
  (rate: Schedule, { warmup = 0 }: ScheduleOptions): Schedule =>
  (epoch) =>
    rate(epoch) * (epoch < warmup ? epoch / warmup : 1);

export const schedules = {
  /** γ. */
  flat: (options) => warmed(() => options.learningRate, options),

  /** γ·gammaᵏ, k the number of milestones passed (PyTorch's MultiStepLR). */
  multistep: (options) => {
    const { learningRate, milestones = [], gamma = 0.1 } = options;
    const passed = (epoch: number) => milestones.filter((m) => epoch >= m).length;
    return warmed((epoch) => learningRate * gamma ** passed(epoch), options);
  },

  /**
   * Linearly up from 0 to γ, then linearly down to 0: Wong, Rice, Kolter, "Fast is better than free", arXiv:2001.03994, §5.1.
   */
  cyclic: (options) => {
    const { learningRate, epochs, peak = 0.5 } = options;
    const top = peak * epochs;
    return warmed(
      (epoch) => learningRate * Math.max(0, epoch < top ? epoch / top : (epochs - epoch) / (epochs - top)),
      options,
    );
  },
} as const satisfies Record<string, (options: ScheduleOptions) => Schedule>;

export type ScheduleName = keyof typeof schedules;

export const isSchedule = (name: string): name is ScheduleName => Object.hasOwn(schedules, name);
