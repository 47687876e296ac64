import type { Attribute, DataType, Tensor } from '../../../src/graph/index.ts';
import { float32 } from '../../../src/graph/index.ts';
import { integers, type Key, key, uniform } from '../../../src/random/index.ts';

/** What a case is drawn with: every call takes the next number of one stream. */
export class Draw {
  readonly #root: Key;
  #calls = 0;

  constructor(name: string, instance: number) {
    this.#root = key(23).fold(name, instance);
  }

  #next(): Key {
    return this.#root.fold(this.#calls++);
  }

  /** An integer in [low, high]. */
  int(low: number, high: number): number {
    return low + integers(this.#next(), 1, high - low + 1)[0]!;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)]!;
  }

  bool(): boolean {
    return this.int(0, 1) === 1;
  }

  number(low: number, high: number): number {
    return uniform(this.#next(), 1, low, high)[0]!;
  }

  floats(shape: readonly number[], low = -2, high = 2): Tensor {
    const size = shape.reduce((a, d) => a * d, 1);
    return float32(uniform(this.#next(), size, low, high), shape);
  }

  /** Integers of an 8-bit type over all of its range. */
  bytes(dtype: 'uint8' | 'int8', shape: readonly number[]): Tensor {
    const size = shape.reduce((a, d) => a * d, 1);
    const values = integers(this.#next(), size, 256);
    if (dtype === 'uint8') return { dtype, shape, data: Uint8Array.from(values) };
    return { dtype, shape, data: Int8Array.from(values, (v) => v - 128) };
  }

  int32s(shape: readonly number[], low: number, high: number): Tensor {
    const size = shape.reduce((a, d) => a * d, 1);
    const data = Int32Array.from(integers(this.#next(), size, high - low), (v) => v + low);
    return { dtype: 'int32', shape, data };
  }
}

/** An input of the node: fed when it runs, or a constant. `batch` is the axis whose size the graph does not know. */
export interface Input {
  readonly tensor: Tensor;
  readonly constant: boolean;
  readonly batch?: number;
}

export const fed = (tensor: Tensor, batch = 0): Input => ({ tensor, constant: false, batch });
export const fixed = (tensor: Tensor): Input => ({ tensor, constant: false });
export const constant = (tensor: Tensor): Input => ({ tensor, constant: true });

/** One node: its inputs (undefined where left out), attributes, and how many outputs are compared. */
export interface Case {
  readonly inputs: readonly (Input | undefined)[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Which outputs have names. @default the first */
  readonly outputs?: readonly boolean[];
  readonly types?: readonly DataType[];
  /** The operator set in which onnxruntime runs the node. @default 20 */
  readonly opset?: number;
  /** What it is compared with. @default onnxruntime's own kernel */
  readonly oracle?: 'reference';
  /** Relative to the largest value. @default 1e-5 */
  readonly tolerance?: number;
}

export const int = (value: number): Attribute => ({ type: 'int', value });
export const real = (value: number): Attribute => ({ type: 'float', value: Math.fround(value) });
export const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
export const text = (value: string): Attribute => ({ type: 'string', value });
export const texts = (...value: string[]): Attribute => ({ type: 'strings', value });
export const reals = (...value: number[]): Attribute => ({ type: 'floats', value: value.map(Math.fround) });

/** Cases by operator: each is drawn several times. */
export type Cases = Readonly<Record<string, (d: Draw) => Case>>;
