import type { Graph, Tensor } from '../graph/index.ts';

/**
 * What an engine runs: a forward graph, and which gradients of it are wanted. The engine decides how to get
 * them (by our autodiff as a graph, or by its own).
 */
export interface Program {
  /** Its inputs are fed by name, its outputs come back by name. Dimension 0 of the first input is the batch. */
  readonly graph: Graph;
  /** The sum of `of` is differentiated with respect to each of `wrt`; the results come back under `names`. */
  readonly gradient?: {
    readonly of: string;
    readonly wrt: readonly string[];
    readonly names: readonly string[];
    /**
     * The exact Hessian-vector product: for the first of `wrt`, the gradient of its gradient's inner product with the
     * graph input `vector`, per sample; it comes back under `name`.
     */
    readonly along?: { readonly vector: string; readonly name: string };
  };
  /**
   * Arithmetic on what was computed (an attack's step, say), in the same run: a graph whose inputs are this program's
   * inputs and gradients by name, or further feeds. Its outputs come back in the gradients' place.
   */
  readonly after?: Graph;
}

/** Values by name: plain row-major arrays with their shapes. */
export type Values = Readonly<Record<string, Tensor>>;

/** How often a program runs, and which of its results are fed back to it in between. */
export interface Loop {
  /** The output that becomes each of these inputs. */
  readonly carry: Readonly<Record<string, string>>;
  /** At least 1. */
  readonly times: number;
}

/** A compiled program. */
export interface Executable {
  /**
   * @param feeds one tensor per graph input
   * @returns one tensor per graph output, and the gradients
   * @throws E_ENGINE where the engine fails, E_SHAPE where a feed does not fit
   */
  run(feeds: Values): Promise<Record<string, Tensor>>;
  /**
   * Runs it `times` times with results fed back, which an engine may keep on its device meanwhile; each run counts.
   *
   * @returns what the last run gives
   */
  iterate(feeds: Values, loop: Loop): Promise<Record<string, Tensor>>;
  /** Frees what the engine holds for it. */
  close(): Promise<void>;
}

/** What stochastic gradient descent keeps between steps. Parameters include statistics, which have no velocity. */
export interface TrainingState {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly velocities: ReadonlyMap<string, Tensor>;
}

/**
 * SGD as PyTorch's: v ← μv + (∇ + λp), p ← p − γv. The learning rate γ is fed at each step, as `learning_rate`.
 */
export interface Sgd {
  readonly momentum: number;
  readonly weightDecay: number;
}

export interface TrainingOptions {
  /** The model in inference form; its parameters start from its initializers. */
  readonly model: Graph;
  /** Initializers that are trained; all others but BatchNormalization's statistics stay as they are. */
  readonly parameters: readonly string[];
  readonly optimizer: Sgd;
}

export interface UpdateOptions {
  /**
   * An input whose gradient is wanted as well, of each sample's own loss, before the step: it comes back as `gradient`, from
   * the same backward pass.
   */
  readonly input?: string;
}

/** One set of parameters that lives with the engine and changes by `update` programs. */
export interface Trainer {
  /** A program on the model that always runs with the current parameters. */
  compile(program: Program): Promise<Executable>;
  /**
   * A program whose mean of `loss` is descended by one SGD step per run. Its feeds are the graph's inputs (without
   * parameters) and `learning_rate`, a float32 scalar. Outputs named `<statistic>_next` become the new statistics. Parameters
   * that the graph does not have stay as they are.
   */
  compileUpdate(graph: Graph, loss: string, options?: UpdateOptions): Promise<Executable>;
  /** A copy of the state, for a checkpoint. */
  state(): TrainingState;
  /** Continues from a checkpoint. @throws E_SHAPE where names or shapes differ */
  restore(state: TrainingState): void;
  close(): Promise<void>;
}

/** Passes through the network: over a whole batch (as papers count them), and over single images. */
export interface Counts {
  readonly forward: number;
  readonly backward: number;
  readonly forwardImages: number;
  readonly backwardImages: number;
}

export interface Engine {
  readonly name: 'onnxruntime' | 'tensorflow';
  readonly device: 'cpu' | 'cuda';
  readonly threads: number;
  /** Versions of what computes, for a result's environment. */
  readonly versions: Readonly<Record<string, string>>;
  /** All passes so far, counted where every run goes through. */
  counts(): Counts;
  compile(program: Program): Promise<Executable>;
  trainer(options: TrainingOptions): Promise<Trainer>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** @default 'auto' */
  readonly device?: 'auto' | 'cpu' | 'cuda';
  /** Intra-op threads. @default the number of cores */
  readonly threads?: number;
}

/** What was spent between two readings of an engine's counts. */
export const spent = (before: Counts, after: Counts): Counts => ({
  forward: after.forward - before.forward,
  backward: after.backward - before.backward,
  forwardImages: after.forwardImages - before.forwardImages,
  backwardImages: after.backwardImages - before.backwardImages,
});
