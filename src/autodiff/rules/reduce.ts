import { keepsDims, type Node, reducedAxes, type Value } from '../../graph/index.ts';
import type { Rule, Tape } from '../tape.ts';

/** Puts back the axes that a reduction without keepdims dropped. */
function restored(t: Tape, node: Node, value: Value, axes: readonly number[]): Value {
  return keepsDims(node) || axes.length === 0 ? value : t.b.op('Unsqueeze', [value, t.b.ints(axes)]);
}

/** y = Σ x: dx = g, spread */
export const ReduceSum: Rule = (t, node, [g]) => {
  const axes = reducedAxes(t.context(node));
  return [t.expandLike(restored(t, node, g!, axes), node.inputs[0]!, axes)];
};

/** y = mean x: dx = g/n, spread */
export const ReduceMean: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const axes = reducedAxes(t.context(node));
  const counts = axes.map((a) => t.shape(x)[a]);
  const spread = t.expandLike(restored(t, node, g!, axes), x, axes);
  if (counts.every((n) => typeof n === 'number'))
    return [t.mul(spread, 1 / counts.reduce<number>((p, n) => p * (n as number), 1))];
  // A dynamic axis (the batch) is counted while running: as many ones as x has elements, averaged like x.
  const ones = t.b.op('Div', [spread, t.sum(t.expandLike(t.b.scalar(1), x, axes), axes)]);
  return [ones];
};

/** y = max x: dx = g where x = y, shared among ties */
export const ReduceMax: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const axes = reducedAxes(t.context(node));
  const winners = t.b.op('Cast', [t.b.op('Equal', [x, restored(t, node, node.outputs[0]!, axes)])], {
    to: 1,
  });
  const share = t.b.op('Div', [restored(t, node, g!, axes), t.sum(winners, axes)]);
  return [t.mul(winners, share)];
};
