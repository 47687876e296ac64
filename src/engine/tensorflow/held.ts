import * as tf from '@tensorflow/tfjs-core';
import { TouchstoneError } from '../../errors.ts';
import { type DataType, type Dense, denseOf, formatShape, type Tensor } from '../../graph/index.ts';

/** What tfjs computes in for an ONNX element type: it has no other floats than float32, and int32 for all integers. */
export function deviceType(dtype: DataType): 'float32' | 'int32' | 'bool' {
  if (dtype === 'float32' || dtype === 'bool') return dtype;
  if (/^u?int\d+$/.test(dtype)) return 'int32';
  throw new TouchstoneError(
    'E_UNSUPPORTED',
    `a value of type ${dtype} on the tensorflow engine`,
    'float32, integers or bool',
    'use --engine onnxruntime',
  );
}

/** Whether values of a shape can have their channels last on the device: signals, images and volumes. */
export const hasChannels = (shape: readonly number[]): boolean => shape.length >= 3 && shape.length <= 5;

/** [N, C, …] to [N, …, C]. */
export const toLast = (rank: number): number[] => [
  0,
  ...Array.from({ length: rank - 2 }, (_, i) => i + 2),
  1,
];
/** And back. */
export const toFirst = (rank: number): number[] => [
  0,
  rank - 1,
  ...Array.from({ length: rank - 2 }, (_, i) => i + 1),
];

interface Source {
  /** On the device. */
  readonly tensor?: tf.Tensor;
  /** Known before running. */
  readonly value?: Tensor | Dense;
  /** Whether the tensor has its channels last. */
  readonly isLast?: boolean;
  /** Whether its forms outlive the run, as those of weights do. */
  readonly lasting?: boolean;
}

/** A value of a graph while it runs, in the forms that were asked for. Shapes are ONNX's, channels first. */
export class Held {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Whether channels last is how it was computed, so that this form costs nothing. */
  readonly isLast: boolean;
  readonly #source: Source;
  readonly #forms = new Map<string, tf.Tensor>();
  #dense: Dense | undefined;

  private constructor(dtype: DataType, shape: readonly number[], source: Source) {
    this.dtype = dtype;
    this.shape = shape;
    this.isLast = source.isLast ?? false;
    this.#source = source;
  }

  /** What was computed on the device, its axes in ONNX's order. */
  static plain(dtype: DataType, tensor: tf.Tensor): Held {
    return new Held(dtype, tensor.shape, { tensor });
  }

  /** What was computed on the device, its channels last where its rank has such. */
  static last(dtype: DataType, tensor: tf.Tensor): Held {
    if (!hasChannels(tensor.shape)) return Held.plain(dtype, tensor);
    const shape = toFirst(tensor.rank).map((d) => tensor.shape[d]!);
    return new Held(dtype, shape, { tensor, isLast: true });
  }

  /** Shapes and what is computed from them, and constants: uploaded where an operator asks for it on the device. */
  static known(value: Tensor | Dense, { lasting = false } = {}): Held {
    return new Held(value.dtype, value.shape, { value, lasting });
  }

  /** A parameter that training changes; `forget` when it has. */
  static parameter(variable: tf.Variable): Held {
    return new Held('float32', variable.shape, { tensor: variable, lasting: true });
  }

  get rank(): number {
    return this.shape.length;
  }

  /** On the device, its axes in ONNX's order. */
  plain(): tf.Tensor {
    const { tensor, value } = this.#source;
    if (tensor && !this.isLast) return tensor;
    return this.#made('plain', () => (tensor ? tf.transpose(tensor, toFirst(this.rank)) : upload(value!)));
  }

  /** On the device, its channels last. For ranks 3 to 5. */
  last(): tf.Tensor {
    return this.isLast ? this.#source.tensor! : this.form('last', (t) => tf.transpose(t, toLast(this.rank)));
  }

  /** A further form, made once: a weight in the order that a kernel wants, say. */
  form(name: string, make: (plain: tf.Tensor) => tf.Tensor): tf.Tensor {
    return this.#made(`as ${name}`, () => make(this.plain()));
  }

  /** Its elements where they are known without asking the device. */
  known(): Dense | undefined {
    const { value } = this.#source;
    if (value) this.#dense ??= isDense(value) ? value : denseOf(value);
    return this.#dense;
  }

  /** Its elements, from the device where need be. */
  read(): Dense {
    return (
      this.known() ?? {
        dtype: this.dtype,
        shape: this.shape,
        data: Float64Array.from(this.plain().dataSync()),
      }
    );
  }

  /** Frees all forms but the tensor it was made of. */
  forget(): void {
    for (const t of this.#forms.values()) t.dispose();
    this.#forms.clear();
  }

  /** Frees it. */
  dispose(): void {
    this.forget();
    this.#source.tensor?.dispose();
  }

  #made(name: string, make: () => tf.Tensor): tf.Tensor {
    const found = this.#forms.get(name);
    if (found) return found;
    const made = this.#source.lasting ? tf.keep(make()) : make();
    this.#forms.set(name, made);
    return made;
  }
}

const isDense = (value: Tensor | Dense): value is Dense => value.data instanceof Float64Array;

/** Two or four numbers to the byte. */
const PACKED = /^u?int[24]$/;

/** A plain array on the device. @throws E_RANGE for an integer that int32 does not hold */
export function upload(value: Tensor | Dense): tf.Tensor {
  const { dtype, shape } = value;
  const { data } = PACKED.test(dtype) && !isDense(value) ? denseOf(value) : value;
  const type = deviceType(dtype);
  if (type === 'float32')
    return tf.tensor(
      data instanceof Float32Array ? data : Float32Array.from(data as Float64Array),
      [...shape],
      type,
    );
  if (type === 'bool') return tf.tensor(Uint8Array.from(data as ArrayLike<number>), [...shape], type);
  const integers = Int32Array.from(data as ArrayLike<number | bigint>, (v) => saturated(Number(v), shape));
  return tf.tensor(integers, [...shape], type);
}

/** Ends of ranges are written as the largest integers that there are; int32's own mean the same. */
function saturated(v: number, shape: readonly number[]): number {
  if (v >= -(2 ** 31) && v < 2 ** 31) return v;
  if (Math.abs(v) >= 2 ** 62) return v < 0 ? -(2 ** 31) : 2 ** 31 - 1;
  throw new TouchstoneError(
    'E_RANGE',
    `the integer ${v} in ${formatShape(shape)}`,
    'one that int32 holds',
    'use --engine onnxruntime',
  );
}
