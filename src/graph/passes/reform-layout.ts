import { int64, intOf, intsOf } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { Patterns, type Reform } from './reform-pattern.ts';

/** Transposes and reshapes in a row become one, or none where they cancel. */
export const layouts: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  const same = new Map<string, string>();
  const source = (value: string): string => same.get(value) ?? value;
  for (const n of p.graph.nodes) {
    if (n.inputs.some((i) => same.has(i))) p.replace(n, { ...n, inputs: n.inputs.map(source) });
    const now = p.made(n.outputs[0]) ?? n;
    if (n.domain !== '' || (n.op !== 'Transpose' && n.op !== 'Reshape')) continue;
    const merged = n.op === 'Transpose' ? mergedTranspose(p, now) : mergedReshape(p, now);
    if (merged) p.replace(n, merged);
    const last = merged ?? now;
    if (changesNothing(p, last) && !p.isOutput(n.outputs[0]!))
      same.set(n.outputs[0]!, source(last.inputs[0]!));
  }
  return p.finish();
};

function permOf(p: Patterns, n: Node): readonly number[] | undefined {
  const given = intsOf(n, 'perm');
  const rank = p.context.type(n.outputs[0]!)?.shape.length;
  const perm =
    given ?? (rank === undefined ? undefined : Array.from({ length: rank }, (_, i) => rank - 1 - i));
  return perm && (rank === undefined || perm.length === rank) ? perm : undefined;
}

function mergedTranspose(p: Patterns, n: Node): Node | undefined {
  const before = p.made(n.inputs[0], 'Transpose');
  const [first, second] = [before && permOf(p, before), permOf(p, n)];
  if (!before || !first || !second || first.length !== second.length) return undefined;
  return p.standIn(n, 'Transpose', [before.inputs[0]!], { perm: second.map((axis) => first[axis]!) });
}

/** Of two reshapes the first does not matter, but for the dimensions that the second keeps of it. */
function mergedReshape(p: Patterns, n: Node): Node | undefined {
  const before = p.made(n.inputs[0], 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze');
  const shape = p.integers(n.inputs[1]);
  if (!before || !shape || intOf(n, 'allowzero', 0) !== 0) return undefined;
  const middle = p.context.type(n.inputs[0]!)?.shape;
  const origin = p.context.type(before.inputs[0]!)?.shape;
  if (!shape.includes(0)) return p.standIn(n, 'Reshape', [before.inputs[0]!, n.inputs[1]!]);
  if (!middle || !origin) return undefined;
  const kept = shape.map((d, i) => {
    if (d !== 0) return d;
    if (typeof middle[i] === 'number' && middle[i] > 0) return middle[i];
    return typeof middle[i] === 'string' && middle[i] === origin[i] ? 0 : undefined;
  });
  if (kept.includes(undefined)) return undefined;
  const target = p.addConstant(int64(kept as number[]), `${n.outputs[0]}_shape`);
  return p.standIn(n, 'Reshape', [before.inputs[0]!, target]);
}

function changesNothing(p: Patterns, n: Node): boolean {
  if (n.op === 'Transpose') return permOf(p, n)?.every((axis, i) => axis === i) ?? false;
  const [from, to] = [p.context.type(n.inputs[0]!)?.shape, p.context.type(n.outputs[0]!)?.shape];
  return !!from && !!to && from.length === to.length && from.every((d, i) => d !== null && d === to[i]);
}
