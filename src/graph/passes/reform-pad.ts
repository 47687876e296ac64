import { intOf, intsOf, stringOf, toAttributes } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { Patterns, type Reform } from './reform-pattern.ts';

/** What never is negative, so that zeros around it are as good as −∞ to a maximum. */
const NON_NEGATIVE = ['Relu', 'Sigmoid', 'HardSigmoid', 'Softmax', 'Abs', 'Exp'];
/** Below this, a padding value is −∞ to a maximum. */
const LOWEST = -3.4e38;

/**
 * Pad with a constant as the padding of the convolution or pool after it: zeros for Conv and AveragePool (which then counts
 * them), −∞, or zeros around what is not negative, for MaxPool.
 */
export const pads: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  for (const n of p.all('Conv', 'MaxPool', 'AveragePool')) {
    const pad = p.made(n.inputs[0], 'Pad');
    if (!pad || stringOf(pad, 'mode', 'constant') !== 'constant') continue;
    const rank = p.context.type(n.inputs[0]!)?.shape.length;
    const amounts = rank === undefined ? undefined : spatialAmounts(p, pad, rank);
    if (!amounts || rank === undefined) continue;
    const value = pad.inputs[2] ? p.number(pad.inputs[2]) : 0;
    const auto = stringOf(n, 'auto_pad', 'NOTSET');
    const own = intsOf(n, 'pads') ?? amounts.map(() => 0);
    if (value === undefined || auto !== 'NOTSET' || own.length !== amounts.length) continue;
    if (!allows(p, n, pad, value, amounts, own)) continue;
    const total = amounts.map((a, i) => a + own[i]!);
    const counted = n.op === 'AveragePool' ? { count_include_pad: 1 } : {};
    const attributes = new Map([...n.attributes, ...toAttributes({ pads: total, ...counted })]);
    p.replace(n, { ...n, inputs: [pad.inputs[0]!, ...n.inputs.slice(1)], attributes });
  }
  return p.finish();
};

/** What a Pad adds to each spatial axis, begins before ends; undefined where it cuts, or pads another axis. */
function spatialAmounts(p: Patterns, pad: Node, rank: number): number[] | undefined {
  const given = p.integers(pad.inputs[1]);
  const axes = pad.inputs[3] ? p.integers(pad.inputs[3]) : Array.from({ length: rank }, (_, i) => i);
  if (!given || !axes || given.length !== 2 * axes.length || rank < 3) return undefined;
  const all = new Array<number>(2 * rank).fill(0);
  for (const [i, axis] of axes.entries()) {
    const at = axis < 0 ? axis + rank : axis;
    if (!(at >= 0 && at < rank)) return undefined;
    all[at] = given[i]!;
    all[at + rank] = given[i + axes.length]!;
  }
  const others = [all[0], all[1], all[rank], all[rank + 1]];
  const spatial = [...all.slice(2, rank), ...all.slice(rank + 2)];
  return others.every((a) => a === 0) && spatial.every((a) => a >= 0) ? spatial : undefined;
}

function allows(
  p: Patterns,
  n: Node,
  pad: Node,
  value: number,
  amounts: readonly number[],
  own: readonly number[],
): boolean {
  if (n.op === 'Conv') return value === 0;
  // A window must begin and end within the image, and what ceil_mode adds is not to move.
  const kernel = intsOf(n, 'kernel_shape') ?? [];
  const fits = amounts.every((a, i) => a + own[i]! < (kernel[i % kernel.length] ?? 0));
  if (!fits || intOf(n, 'ceil_mode', 0) === 1 || (intsOf(n, 'dilations') ?? []).some((d) => d !== 1))
    return false;
  if (n.op === 'AveragePool')
    return value === 0 && (intOf(n, 'count_include_pad', 0) === 1 || own.every((a) => a === 0));
  if (n.outputs[1]) return false;
  return value <= LOWEST || (value === 0 && p.made(pad.inputs[0], ...NON_NEGATIVE) !== undefined);
}
