import { keepsDims, type Node, reducedAxes, type Value } from '../../graph/index.ts';
import { fixedDims, type Rule, refuse, type Tape } from '../tape.ts';

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
  const ones = t.div(spread, t.sum(t.expandLike(t.b.scalar(1), x, axes), axes));
  return [ones];
};

/** y = max or min x: dx = g where x = y, shared among ties */
export const ReduceExtreme: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const axes = reducedAxes(t.context(node));
  const winners = t.indicator('Equal', x, restored(t, node, node.outputs[0]!, axes));
  const share = t.div(restored(t, node, g!, axes), t.sum(winners, axes));
  return [t.mul(winners, share)];
};

/** y = ‖x‖: dx = g·x/y, 0 where y is */
export const ReduceL2: Rule = (t, node, [g]) => {
  const axes = reducedAxes(t.context(node));
  const y = restored(t, node, node.outputs[0]!, axes);
  const safe = t.where(t.b.op('Equal', [y, t.b.scalar(0)]), 1, y);
  return [t.mul(node.inputs[0]!, t.div(restored(t, node, g!, axes), safe))];
};

/** y = log Σ eˣ: dx = g·e^(x − y) */
export const ReduceLogSumExp: Rule = (t, node, [g]) => {
  const axes = reducedAxes(t.context(node));
  const y = restored(t, node, node.outputs[0]!, axes);
  const softmax = t.b.op('Exp', [t.sub(node.inputs[0]!, y)]);
  return [t.mul(softmax, restored(t, node, g!, axes))];
};

/** y = Π x: dxᵢ = g·Π over j ≠ i of xⱼ, multiplied out, as a quotient y/xᵢ fails at zeros */
export const ReduceProd: Rule = (t, node, [g]) => {
  const x = node.inputs[0]!;
  const axes = reducedAxes(t.context(node));
  const shape = t.shape(x);
  const count = fixedDims(
    node,
    axes.map((a) => shape[a]!),
  ).reduce((p, d) => p * d, 1);
  const kept = shape.flatMap((_, i) => (axes.includes(i) ? [] : [i]));
  const order = [...kept, ...axes];
  // [kept…, 1, n], where row i of n rows leaves out element i
  const open = kept.map((i) => shape[i]!);
  if (open.filter((d) => typeof d !== 'number').length > 1) throw refuse(node, 'has two dynamic sizes');
  const lead = open.map((d) => (typeof d === 'number' ? d : -1));
  const rows = t.b.reshape(t.b.transpose(x, order), [...lead, 1, count]);
  const others = t.table(node, [count, count], (data) => {
    for (let i = 0; i < count; i++) data[i * (count + 1)] = 1;
  });
  const left = t.where(t.b.op('Greater', [others, t.b.scalar(0)]), 1, rows);
  const products = t.b.op('ReduceProd', [left, t.b.ints([-1])], { keepdims: 0 });
  const moved = t.b.reshape(products, [...lead, ...axes.map((a) => shape[a] as number)]);
  const back = t.b.transpose(
    moved,
    order.map((_, i) => order.indexOf(i)),
  );
  return [t.mul(back, restored(t, node, g!, axes))];
};
