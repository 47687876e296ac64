import { Patterns, type Reform, reducedAxes } from './reform-pattern.ts';

/** eˣ/Σeˣ over one axis as Softmax, with or without the maximum taken off x first. */
export const softmaxes: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  for (const n of p.all('Div')) {
    const exp = p.made(n.inputs[0], 'Exp');
    const sum = p.made(n.inputs[1], 'ReduceSum');
    if (!exp || !sum || sum.inputs[0] !== exp.outputs[0] || !p.isFloat(exp.inputs[0]!)) continue;
    const axes = reducedAxes(p, sum);
    if (axes?.length !== 1 || !p.within(exp.outputs[0]!, [n, sum]) || !p.only(sum.outputs[0]!)) continue;
    const shifted = p.made(exp.inputs[0], 'Sub');
    const max = shifted && p.made(shifted.inputs[1], 'ReduceMax');
    const isShift =
      max &&
      max.inputs[0] === shifted.inputs[0] &&
      reducedAxes(p, max)?.join() === axes.join() &&
      p.only(shifted.outputs[0]!) &&
      p.only(max.outputs[0]!);
    const x = isShift ? shifted.inputs[0]! : exp.inputs[0]!;
    p.replace(n, p.standIn(n, 'Softmax', [x], { axis: axes[0] }));
  }
  return p.finish();
};
