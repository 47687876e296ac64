import { intOf, type Node, type Value } from '../../graph/index.ts';
import type { Rule, Tape } from '../tape.ts';

const axisOf = (t: Tape, node: Node): number => {
  const axis = intOf(node, 'axis', -1);
  return axis < 0 ? axis + t.shape(node.inputs[0]!).length : axis;
};

/** y = softmax(x): dx = y·(g − Σ g·y). */
export const Softmax: Rule = (t, node, [g]) => {
  const y = node.outputs[0] as Value;
  const weighted = t.sum(t.mul(g!, y), [axisOf(t, node)]);
  return [t.mul(t.b.op('Sub', [g!, weighted]), y)];
};

/** y = log softmax(x): dx = g − eʸ·Σ g. */
export const LogSoftmax: Rule = (t, node, [g]) => {
  const y = node.outputs[0] as Value;
  const total = t.sum(g!, [axisOf(t, node)]);
  return [t.b.op('Sub', [g!, t.mul(t.b.op('Exp', [y]), total)])];
};
