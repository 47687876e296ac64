import type { Value } from '../../graph/index.ts';
import { axisOf, type Rule } from '../tape.ts';

/** y = softmax(x): dx = y·(g − Σ g·y). */
export const Softmax: Rule = (t, node, [g]) => {
  const y = node.outputs[0] as Value;
  const weighted = t.sum(t.mul(g!, y), [axisOf(node, t.shape(y).length, -1)]);
  return [t.mul(t.sub(g!, weighted), y)];
};

/** y = log softmax(x): dx = g − eʸ·Σ g. */
export const LogSoftmax: Rule = (t, node, [g]) => {
  const y = node.outputs[0] as Value;
  const total = t.sum(g!, [axisOf(node, t.shape(y).length, -1)]);
  return [t.sub(g!, t.mul(t.b.op('Exp', [y]), total))];
};
