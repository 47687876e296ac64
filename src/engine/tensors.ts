import { TouchstoneError } from '../errors.ts';
import type { Tensor } from '../graph/index.ts';

/** Labels as programs take them: int64 `[N]`. */
export const labelTensor = (y: Int32Array): Tensor<BigInt64Array> => ({
  dtype: 'int64',
  shape: [y.length],
  data: BigInt64Array.from(y, BigInt),
});

/** The elements of a float32 output. @throws E_ENGINE where it is missing or of another type */
export function floatsOf(outputs: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (data instanceof Float32Array) return data;
  throw new TouchstoneError('E_ENGINE', `no float32 output "${name}"`, 'one of every classifier program');
}
