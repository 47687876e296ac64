import type { Images } from '../eval/index.ts';
import type { LossRequest, StepArguments, Update } from './method.ts';

/**
 * How a method attacks, and what it learns from it: the parts that rules for the number of steps (`friendly`, `magnitude`)
 * are applied to, whatever the method.
 */
export interface Adversary {
  /** Where x′ starts, shaped as x. */
  start(args: StepArguments): Float32Array;
  /** The loss that x′ ascends. A pass that it takes to know it (TRADES: f(x)) is counted as any other. */
  ascends(args: StepArguments): Promise<LossRequest>;
  /** One optimizer step on what was found. */
  learn(args: StepArguments, adversarial: Images): Promise<Update>;
}
