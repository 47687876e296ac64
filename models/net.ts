import {
  type AttributeValue,
  float,
  float32,
  type Graph,
  GraphBuilder,
  rename,
  type Value,
} from '../src/graph/index.ts';
import { type Key, uniform } from '../src/random/index.ts';

/** A classifier architecture. */
export interface Architecture {
  readonly name: string;
  /** Where it comes from: paper, table or section. */
  readonly source: string;
  /** Channels, height, width of the images it is made for. */
  readonly input: readonly [number, number, number];
  readonly classes: number;
  /** Builds the graph, `x` `[N, C, H, W]` in [0, 1] to `logits` `[N, K]`, with weights drawn from `key`. */
  build(key: Key, options?: ArchitectureOptions): Graph;
}

export interface ArchitectureOptions {
  readonly input?: readonly [number, number, number];
  readonly classes?: number;
}

/**
 * Layers in the order a paper's table lists them. Weights are named as PyTorch names them and drawn as PyTorch
 * draws them by default: uniform within ±1/√fan_in.
 */
export class Net {
  readonly b = new GraphBuilder();
  readonly #key: Key;

  constructor(key: Key) {
    this.#key = key;
  }

  input(shape: readonly [number, number, number]): Value {
    return this.b.input('x', 'float32', ['N', ...shape]);
  }

  #draw(name: string, shape: readonly number[], fanIn: number): Value {
    const bound = 1 / Math.sqrt(fanIn);
    const size = shape.reduce((a, b) => a * b, 1);
    return this.b.initializer(name, float32(uniform(this.#key.fold(name), size, -bound, bound), shape));
  }

  #op(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    name: string,
  ): Value {
    return this.b.op(op, inputs, attributes, name);
  }

  /** A square convolution, `[N, C, H, W]` to `[N, channels, H′, W′]`. */
  conv(
    x: Value,
    name: string,
    channels: number,
    kernel: number,
    { stride = 1, pad = 0, bias = true } = {},
  ): Value {
    const fanIn = (this.b.shape(x)[1] as number) * kernel ** 2;
    const weight = this.#draw(
      `${name}.weight`,
      [channels, this.b.shape(x)[1] as number, kernel, kernel],
      fanIn,
    );
    const inputs = bias ? [x, weight, this.#draw(`${name}.bias`, [channels], fanIn)] : [x, weight];
    return this.#op(
      'Conv',
      inputs,
      { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
      name,
    );
  }

  batchNorm(x: Value, name: string): Value {
    const channels = this.b.shape(x)[1] as number;
    const filled = (what: string, value: number) =>
      this.b.initializer(`${name}.${what}`, float32(new Float32Array(channels).fill(value)));
    const inputs = [
      x,
      filled('weight', 1),
      filled('bias', 0),
      filled('running_mean', 0),
      filled('running_var', 1),
    ];
    return this.#op('BatchNormalization', inputs, { epsilon: float(1e-5), momentum: float(0.9) }, name);
  }

  relu(x: Value): Value {
    return this.#op('Relu', [x], {}, 'relu');
  }

  add(a: Value, b: Value): Value {
    return this.#op('Add', [a, b], {}, 'add');
  }

  globalAveragePool(x: Value): Value {
    return this.flatten(this.#op('GlobalAveragePool', [x], {}, 'pool'));
  }

  flatten(x: Value): Value {
    return this.#op('Flatten', [x], { axis: 1 }, 'flatten');
  }

  /** A fully connected layer, `[N, in]` to `[N, units]`. */
  linear(x: Value, name: string, units: number): Value {
    const width = this.b.shape(x)[1] as number;
    const weight = this.#draw(`${name}.weight`, [units, width], width);
    return this.#op('Gemm', [x, weight, this.#draw(`${name}.bias`, [units], width)], { transB: 1 }, name);
  }

  /** Ends the network. */
  logits(x: Value, name: string): Graph {
    this.b.output(x);
    return rename(this.b.build(name), new Map([[x, 'logits']]));
  }
}
