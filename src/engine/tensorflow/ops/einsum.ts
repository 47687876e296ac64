import * as tf from '@tensorflow/tfjs-core';
import { equationOf } from '../../../graph/index.ts';
import type { Call } from '../call.ts';
import { productOf } from '../tensors.ts';

/** An operand of an Einsum: a label for each of its axes. */
export interface Labelled {
  readonly t: tf.Tensor;
  readonly labels: readonly string[];
}

/** The operands with labels of their own, `.0` (the last), `.1`, … for the axes that an ellipsis stands for. */
export function labelled(c: Call): { operands: Labelled[]; output: string[] } {
  const { operands, output } = equationOf(c.node);
  let most = 0;
  const written = (labels: readonly string[], hidden: number): string[] =>
    labels.flatMap((l) => (l === '.' ? Array.from({ length: hidden }, (_, i) => `.${hidden - 1 - i}`) : [l]));
  const named = operands.map((labels, i) => {
    const t = c.x(i);
    const hidden = labels.includes('.') ? t.rank - labels.length + 1 : 0;
    most = Math.max(most, hidden);
    const all = written(labels, hidden);
    if (new Set(all).size !== all.length) throw c.unsupported('its equation takes a diagonal');
    return { t, labels: all };
  });
  return { operands: named, output: written(output, most) };
}

/** Sums away the labels that nothing needs, and drops axes of size 1 that the other operand has larger. */
function reduced({ t, labels }: Labelled, other: Labelled, needed: ReadonlySet<string>): Labelled {
  const size = (l: string) => other.t.shape[other.labels.indexOf(l)];
  const gone = labels.flatMap((l, a) => {
    const there = other.labels.includes(l);
    return (!there && !needed.has(l)) || (there && t.shape[a] === 1 && size(l) !== 1) ? [a] : [];
  });
  if (gone.length === 0) return { t, labels };
  return { t: tf.sum(t, gone), labels: labels.filter((_, a) => !gone.includes(a)) };
}

/** Σ a·b over the labels that nothing needs afterwards, as one batch of matrix products. */
export function contracted(first: Labelled, second: Labelled, needed: ReadonlySet<string>): Labelled {
  const a = reduced(first, second, needed);
  const b = reduced(second, a, needed);
  const shared = a.labels.filter((l) => b.labels.includes(l));
  const batch = shared.filter((l) => needed.has(l));
  const inner = shared.filter((l) => !needed.has(l));
  const [rows, columns] = [a, b].map((o) => o.labels.filter((l) => !shared.includes(l))) as [
    string[],
    string[],
  ];
  const sizes = new Map([
    ...a.labels.map((l, i) => [l, a.t.shape[i]!] as const),
    ...b.labels.map((l, i) => [l, b.t.shape[i]!] as const),
  ]);
  const count = (labels: readonly string[]) => productOf(labels.map((l) => sizes.get(l)!));
  const arranged = (o: Labelled, ...groups: readonly (readonly string[])[]) =>
    tf.reshape(
      tf.transpose(
        o.t,
        groups.flat().map((l) => o.labels.indexOf(l)),
      ),
      groups.map(count),
    );
  const product = tf.matMul(arranged(a, batch, rows, inner), arranged(b, batch, inner, columns));
  const labels = [...batch, ...rows, ...columns];
  return {
    t: tf.reshape(
      product,
      labels.map((l) => sizes.get(l)!),
    ),
    labels,
  };
}
