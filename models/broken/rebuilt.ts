import { type Graph, GraphBuilder, rename, type Value } from '../../src/graph/index.ts';

/** What is put in front of a classifier, or behind it: appends nodes to a graph and says where it goes on. */
export type Layer = (b: GraphBuilder, value: Value) => Value;

const unchanged: Layer = (_, value) => value;

/**
 * A classifier with something in front of it and something behind it, under the same names.
 *
 * @param graph one input, the images `[N, C, H, W]`; one output, the logits `[N, K]`
 */
export function around(
  graph: Graph,
  name: string,
  { before = unchanged, behind = unchanged }: { readonly before?: Layer; readonly behind?: Layer },
): Graph {
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name))!;
  const output = graph.outputs[0]!.name;
  if (input.type?.kind !== 'tensor' || !input.type.shape) throw new Error('images of a known shape');
  const b = new GraphBuilder();
  const x = b.input(input.name, input.type.dtype, input.type.shape);
  const inner = rename(graph, new Map([[output, `${output}_inside`]]));
  const [logits] = b.inline(inner, new Map([[input.name, before(b, x)]])).values();
  const end = behind(b, logits!);
  b.output(end);
  return rename(b.build(name), new Map([[end, output]]));
}
