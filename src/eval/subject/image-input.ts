import { TouchstoneError } from '../../errors.ts';
import { type DataType, type Dim, formatShape, type Graph, intsOf, isFloat } from '../../graph/index.ts';

/**
 * How a model takes its images: channels before or after the pixels, without a channel axis (`NHW`, one channel), or
 * flattened in the order of NCHW.
 */
export type Layout = 'NCHW' | 'NHWC' | 'NHW' | 'flat';

/** The input of a classifier. */
export interface ImageInput {
  readonly name: string;
  readonly dtype: DataType;
  /** As the file says it. */
  readonly shape: readonly Dim[];
  readonly layout: Layout;
  /** Channels, height and width of one image, where they are known. */
  readonly image: readonly [Dim, Dim, Dim];
}

/**
 * Finds the image input of a model and how it is laid out.
 *
 * @throws E_UNSUPPORTED where there is not exactly one input, or it is no batch of float images
 */
export function imageInputOf(graph: Graph): ImageInput {
  const inputs = graph.inputs.filter((i) => !graph.initializers.has(i.name));
  const [input] = inputs;
  if (!input || inputs.length !== 1)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `a model with ${inputs.length} inputs${inputs.length ? ` (${inputs.map((i) => i.name).join(', ')})` : ''}`,
      'one input, the images',
      'bake the others in as constants before exporting',
    );
  const { name, type } = input;
  if (type?.kind !== 'tensor' || !type.shape)
    throw new TouchstoneError('E_UNSUPPORTED', `input "${name}" without a shape`, 'a batch of images');
  const { dtype, shape } = type;
  if (!isFloat(dtype) || shape.length < 2 || shape.length > 4)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `input "${name}", ${dtype} ${formatShape(shape)}`,
      'float images [N, C, H, W], [N, H, W, C], [N, H, W] or [N, pixels]',
      isFloat(dtype) ? undefined : 'export the model with a float input, in front of its cast',
    );
  return { name, dtype, shape, ...layoutOf(graph, name, shape) };
}

function layoutOf(
  graph: Graph,
  name: string,
  shape: readonly Dim[],
): { layout: Layout; image: ImageInput['image'] } {
  const [, a = null, b = null, c = null] = shape;
  if (shape.length === 2) return { layout: 'flat', image: unflattened(a) };
  if (shape.length === 3) return { layout: 'NHW', image: [1, a, b] };
  if (channelsLast(graph, name, shape)) return { layout: 'NHWC', image: [c, a, b] };
  return { layout: 'NCHW', image: [a, b, c] };
}

const isChannels = (d: Dim): boolean => d === 1 || d === 3 || d === 4;

/** By the sizes where they tell (1, 3 or 4 channels), else by the transposition that TensorFlow's exports begin with. */
function channelsLast(graph: Graph, name: string, [, first, , last]: readonly Dim[]): boolean {
  if (isChannels(last ?? null) !== isChannels(first ?? null)) return isChannels(last ?? null);
  const users = graph.nodes.filter((n) => n.inputs.includes(name));
  return users.length > 0 && users.every((n) => n.op === 'Transpose' && `${intsOf(n, 'perm')}` === '0,3,1,2');
}

/** 784 pixels are 1×28×28, 3,072 are 3×32×32; what is no square is one row. */
function unflattened(pixels: Dim): [Dim, Dim, Dim] {
  if (typeof pixels !== 'number') return [null, null, null];
  for (const channels of [1, 3]) {
    const side = Math.sqrt(pixels / channels);
    if (Number.isInteger(side)) return [channels, side, side];
  }
  return [1, 1, pixels];
}

/** The shape of the file's own input for images `[N, C, H, W]`. */
export function nativeShape(
  layout: Layout,
  [n, c, h, w]: readonly [Dim, Dim, Dim, Dim],
  size: Dim,
): readonly Dim[] {
  if (layout === 'NCHW') return [n, c, h, w];
  if (layout === 'NHWC') return [n, h, w, c];
  return layout === 'NHW' ? [n, h, w] : [n, size];
}

/** Images `[N, C, H, W]` in the order in which the model takes them. */
export function toNative(layout: Layout, data: Float32Array, [n, c, h, w]: readonly number[]): Float32Array {
  if (layout !== 'NHWC' || c === 1) return data;
  const out = new Float32Array(data.length);
  const pixels = h! * w!;
  for (let i = 0; i < n!; i++)
    for (let k = 0; k < c!; k++) {
      const from = (i * c! + k) * pixels;
      for (let p = 0, to = i * c! * pixels + k; p < pixels; p++, to += c!) out[to] = data[from + p]!;
    }
  return out;
}

/**
 * Checks that images fit a model's input.
 *
 * @param shape of one image, [C, H, W]
 * @throws E_SHAPE saying both shapes
 */
export function assertFits(input: Pick<ImageInput, 'image' | 'layout'>, shape: readonly number[]): void {
  const { image, layout } = input;
  const pixels = (dims: readonly Dim[]) =>
    dims.reduce<number | null>((p, d) => (p === null || typeof d !== 'number' ? null : p * d), 1);
  const size = pixels(image);
  const fits =
    layout === 'flat'
      ? size === null || size === pixels(shape)
      : shape.length === 3 && image.every((d, i) => typeof d !== 'number' || d === shape[i]);
  if (fits) return;
  throw new TouchstoneError(
    'E_SHAPE',
    `images of shape [${shape}]`,
    layout === 'flat' ? `${size} pixels, the model's input` : `${formatShape(image)}, the model's input`,
    'use the data the model was made for',
  );
}
