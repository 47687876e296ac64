import { GraphBuilder } from '../builder.ts';
import type { Graph } from '../ir.ts';
import { rename } from './rename.ts';

/**
 * Puts the normalisation (x − mean)/std of each channel inside a model, so that its input is pixel space, [0, 1].
 *
 * @param mean one value per channel
 * @param std one value per channel, not 0
 */
export function bakeNormalisation(graph: Graph, mean: readonly number[], std: readonly number[]): Graph {
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name));
  if (input?.type?.kind !== 'tensor' || !input.type.shape) throw new Error('a model without an image input');
  const { dtype, shape } = input.type;
  const inner = rename(graph, new Map([[input.name, `${input.name}_normalised`]]));
  const front = new GraphBuilder();
  const x = front.input(input.name, dtype, shape);
  const channels = [1, mean.length, 1, 1];
  const centred = front.op('Sub', [x, front.floats(mean, channels)], {}, `${input.name}_centred`);
  const scaled = front.op('Div', [centred, front.floats(std, channels)], {}, `${input.name}_scaled`);
  front.output(scaled, `${input.name}_normalised`);
  const head = front.build();
  return {
    ...inner,
    inputs: head.inputs,
    nodes: [...head.nodes, ...inner.nodes],
    initializers: new Map([...head.initializers, ...inner.initializers]),
  };
}
