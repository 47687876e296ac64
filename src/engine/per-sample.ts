import { float32, type Tensor } from '../graph/index.ts';

/** The gradient of a mean over the batch as the gradients of each sample's own loss: times the batch's size. */
export function perSample({ data, shape }: Tensor): Tensor {
  const [n] = shape as [number];
  return float32(
    (data as Float32Array).map((v) => v * n),
    shape,
  );
}
