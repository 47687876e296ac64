import { GraphBuilder } from '../builder.ts';
import type { Graph } from '../ir.ts';
import { rename, valueNames } from './rename.ts';

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
  const front = new GraphBuilder();
  for (const name of valueNames(graph)) front.fresh(name); // no name of the graph is given again
  const normalised = front.fresh(`${input.name}_normalised`);
  const inner = rename(graph, new Map([[input.name, normalised]]));
  const x = front.input(input.name, dtype, shape);
  const channels = [1, mean.length, 1, 1];
  const centred = front.op('Sub', [x, front.floats(mean, channels)], {}, `${input.name}_centred`);
  const scaled = front.op('Div', [centred, front.floats(std, channels)], {}, `${input.name}_scaled`);
  front.output(scaled, normalised);
  const head = front.build();
  return {
    ...inner,
    inputs: head.inputs,
    nodes: [...head.nodes, ...inner.nodes],
    initializers: new Map([...head.initializers, ...inner.initializers]),
  };
}
