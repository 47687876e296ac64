import {
  type AttributeValue,
  float,
  float32,
  type Graph,
  GraphBuilder,
  rename,
  type Value,
} from '../src/graph/index.ts';
import { type Key, normal, uniform } from '../src/random/index.ts';

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
 * How the weights of convolutions are drawn: `default` as PyTorch does, uniform within ±1/√fan_in; `he-fan-in` and
 * `he-fan-out` normal with the variance 2/fan, where fan is the kernel's area times the channels that go in or out (He et
 * al., "Delving Deep into Rectifiers", arXiv:1502.01852, eqs. 10 and 14).
 */
export type Initialisation = 'default' | 'he-fan-in' | 'he-fan-out';

/** What a convolution's window does. Pads are the same on all sides. */
export interface ConvOptions {
  readonly stride?: number;
  readonly pad?: number;
  readonly bias?: boolean;
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/**
 * Layers in the order a paper's table lists them. Weights are named as PyTorch names them and, but for an
 * `initialisation` of the convolutions, drawn as PyTorch draws them by default: uniform within ±1/√fan_in.
 */
export class Net {
  readonly b = new GraphBuilder();
  readonly #key: Key;
  readonly #initialisation: Initialisation;

  constructor(key: Key, initialisation: Initialisation = 'default') {
    this.#key = key;
    this.#initialisation = initialisation;
  }

  input(shape: readonly number[], name = 'x'): Value {
    return this.b.input(name, 'float32', ['N', ...shape]);
  }

  /** Channels of a map, or width of a vector. */
  channels(x: Value): number {
    return this.b.shape(x)[1] as number;
  }

  #draw(name: string, shape: readonly number[], fanIn: number): Value {
    const bound = 1 / Math.sqrt(fanIn);
    return this.b.initializer(
      name,
      float32(uniform(this.#key.fold(name), size(shape), -bound, bound), shape),
    );
  }

  /** The weight of a convolution, `[to, from, kernel, kernel]`. */
  #kernel(name: string, to: number, from: number, kernel: number): Value {
    const shape = [to, from, kernel, kernel];
    if (this.#initialisation === 'default') return this.#draw(name, shape, from * kernel ** 2);
    const fan = (this.#initialisation === 'he-fan-in' ? from : to) * kernel ** 2;
    const values = normal(this.#key.fold(name), size(shape), 0, Math.sqrt(2 / fan));
    return this.b.initializer(name, float32(values, shape));
  }

  #op(
    op: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    name: string,
  ): Value {
    return this.b.op(op, inputs, attributes, name);
  }

  #window(kernel: number, stride: number, pad: number): Record<string, AttributeValue> {
    return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  }

  /** A square convolution, `[N, C, H, W]` to `[N, channels, H′, W′]`. */
  conv(
    x: Value,
    name: string,
    channels: number,
    kernel: number,
    { stride = 1, pad = 0, bias = true }: ConvOptions = {},
  ): Value {
    const from = this.channels(x);
    const weight = this.#kernel(`${name}.weight`, channels, from, kernel);
    const inputs = bias
      ? [x, weight, this.#draw(`${name}.bias`, [channels], from * kernel ** 2)]
      : [x, weight];
    return this.#op('Conv', inputs, this.#window(kernel, stride, pad), name);
  }

  /**
   * A square transposed convolution, `[N, C, H, W]` to `[N, channels, (H − 1)·stride + kernel − 2·pad, …]`. PyTorch takes
   * the channels that come out for its fan_in; no other initialisation is known here.
   */
  convTranspose(
    x: Value,
    name: string,
    channels: number,
    kernel: number,
    { stride = 1, pad = 0, bias = true }: ConvOptions = {},
  ): Value {
    const fanIn = channels * kernel ** 2;
    const weight = this.#draw(`${name}.weight`, [this.channels(x), channels, kernel, kernel], fanIn);
    const inputs = bias ? [x, weight, this.#draw(`${name}.bias`, [channels], fanIn)] : [x, weight];
    return this.#op('ConvTranspose', inputs, this.#window(kernel, stride, pad), name);
  }

  batchNorm(x: Value, name: string): Value {
    const channels = this.channels(x);
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

  sigmoid(x: Value): Value {
    return this.#op('Sigmoid', [x], {}, 'sigmoid');
  }

  add(a: Value, b: Value): Value {
    return this.#op('Add', [a, b], {}, 'add');
  }

  /** The largest of each 2×2 pixels, `[N, C, H, W]` to `[N, C, ⌊H/2⌋, ⌊W/2⌋]`. */
  maxPool(x: Value): Value {
    return this.#op('MaxPool', [x], this.#window(2, 2, 0), 'pool');
  }

  /** Each pixel as 2×2 of the same, `[N, C, H, W]` to `[N, C, 2H, 2W]`. */
  upsample(x: Value): Value {
    const attributes = {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    };
    return this.#op('Resize', [x, '', this.b.floats([1, 1, 2, 2])], attributes, 'upsample');
  }

  /** Every `stride`-th pixel, from the first: a pool of one pixel, which the blocked layout has a kernel for (Slice has none). */
  subsample(x: Value, stride: number): Value {
    return stride === 1 ? x : this.#op('AveragePool', [x], this.#window(1, stride, 0), 'subsample');
  }

  /** `[N, C, H, W]` to `[N, channels, H, W]`: channels of zeros, half of them before and half after. */
  padChannels(x: Value, channels: number): Value {
    const more = channels - this.channels(x);
    const before = Math.floor(more / 2);
    return this.b.pad(x, [0, before, 0, 0], [0, more - before, 0, 0]);
  }

  globalAveragePool(x: Value): Value {
    return this.flatten(this.#op('GlobalAveragePool', [x], {}, 'pool'));
  }

  flatten(x: Value): Value {
    return this.#op('Flatten', [x], { axis: 1 }, 'flatten');
  }

  /** `[N, C·H·W]` to `[N, C, H, W]`. */
  unflatten(x: Value, shape: readonly [number, number, number]): Value {
    return this.b.reshape(x, [0, ...shape]);
  }

  /** A fully connected layer, `[N, in]` to `[N, units]`. */
  linear(x: Value, name: string, units: number): Value {
    const width = this.channels(x);
    const weight = this.#draw(`${name}.weight`, [units, width], width);
    return this.#op('Gemm', [x, weight, this.#draw(`${name}.bias`, [units], width)], { transB: 1 }, name);
  }

  /** Ends the network: its output is called `port`. */
  end(x: Value, name: string, port: string): Graph {
    this.b.output(x);
    return rename(this.b.build(name), new Map([[x, port]]));
  }

  /** Ends a classifier. */
  logits(x: Value, name: string): Graph {
    return this.end(x, name, 'logits');
  }
}
