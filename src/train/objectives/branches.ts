import { asInputs, type Graph, GraphBuilder, type Value } from '../../graph/index.ts';

/** Names that the graph's own inputs and outputs have; a network's inner values give way. */
const RESERVED = ['x', 'y', 'q', 'adversarial', 'clean', 'logits', 'loss', 'gradient'];

/** A network applied to several inputs, with one set of parameters. */
export interface Branches {
  readonly b: GraphBuilder;
  /** The logits for another input, a value shaped as the images. */
  branch(input: Value): Value;
  /**
   * Ends the graph: `logits` and `loss` come out, and the normalisations' statistics, moved by each branch in turn, as
   * running the network on each input in turn moves them.
   *
   * @param further outputs of a companion, whose `<statistic>_next` come out, too
   */
  build(logits: Value, loss: Value, further?: ReadonlyMap<string, Value>): Graph;
}

/**
 * @param model in training mode: input `x`, first output the logits, further ones `<statistic>_next`
 */
export function branchesOf(model: Graph): Branches {
  const b = new GraphBuilder();
  const constants = [...model.initializers.keys()];
  for (const [name, tensor] of model.initializers) b.initializer(name, tensor);
  const open = asInputs(model, constants);
  const image = open.inputs.find((i) => !model.initializers.has(i.name))!;
  const [logits, ...statistics] = model.outputs.map((o) => o.name) as [string, ...string[]];
  /** What each constant is by now: a statistic is what the last branch made of it. */
  const current = new Map<string, Value>(constants.map((name) => [name, name]));
  return {
    b,
    branch(input) {
      const own = [...RESERVED, ...statistics].map((name) => [name, b.fresh(`inner_${name}`)] as const);
      const outputs = b.inline(open, new Map([...own, ...current, [image.name, input]]));
      for (const next of statistics) current.set(next.replace(/_next$/, ''), outputs.get(next)!);
      return outputs.get(logits)!;
    },
    build(classified, loss, further = new Map()) {
      b.output(classified, 'logits');
      b.output(loss, 'loss');
      for (const next of statistics) b.output(current.get(next.replace(/_next$/, ''))!, next);
      for (const [name, value] of further) if (name.endsWith('_next')) b.output(value, name);
      return b.build(model.name);
    },
  };
}
