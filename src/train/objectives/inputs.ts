import type { Graph, GraphBuilder, Value } from '../../graph/index.ts';

/** An input of images, shaped as the model's own. */
export function imagesOf(b: GraphBuilder, model: Graph, name: string): Value {
  const image = model.inputs.find((i) => !model.initializers.has(i.name));
  if (image?.type?.kind !== 'tensor' || !image.type.shape) throw new Error('a model without images');
  return b.input(name, image.type.dtype, image.type.shape);
}
