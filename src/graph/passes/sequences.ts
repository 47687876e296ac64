import { TouchstoneError } from '../../errors.ts';
import { intOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Dim, Node } from '../ir.ts';
import { axisOf, nodeLabel } from '../shapes/rule.ts';
import { whyUnsupported } from './unsupported.ts';

/** Longer lists than any exporter makes of a tensor's parts. */
const MOST_PARTS = 1024;

/**
 * Lists of tensors whose lengths are known: `torch.chunk` and `torch.stack` come as such. A list is not a value of the graph;
 * its parts are, and what is taken from a list is one of them.
 */
export class Sequences {
  readonly #b: GraphBuilder;
  readonly #lists = new Map<Value, readonly Value[]>();

  constructor(b: GraphBuilder) {
    this.#b = b;
  }

  has(value: Value): boolean {
    return this.#lists.has(value);
  }

  /**
   * The outputs of a node that makes or takes lists.
   *
   * @throws E_UNSUPPORTED where a length or a position is not known, or for any other operator
   */
  write(node: Node): readonly Value[] {
    const rule = rules.get(node.op);
    if (node.domain !== '' || !rule) throw whyUnsupported(node);
    const list = node.inputs[0] ? this.#lists.get(node.inputs[0]) : undefined;
    const result = rule(this.#b, node, list ?? []);
    if (typeof result === 'string') return [result];
    if (result.length > MOST_PARTS) throw unknown(node, `a list of ${result.length} tensors`);
    const name = this.#b.fresh(node.outputs[0] || node.op);
    this.#lists.set(name, result);
    return [name];
  }
}

type Rule = (b: GraphBuilder, node: Node, list: readonly Value[]) => Value | readonly Value[];

const unknown = (node: Node, got: string): TouchstoneError =>
  new TouchstoneError(
    'E_UNSUPPORTED',
    `${nodeLabel(node)}: ${got}`,
    'lengths and positions that are known beforehand',
    'export the model with fixed sizes, without lists of tensors',
  );

/** A position in a list, counted from the end where it is negative. */
function position(b: GraphBuilder, node: Node, i: number, length: number): number {
  const [at] = b.known(node.inputs[i] ?? '') ?? [];
  const index = typeof at === 'number' && at < 0 ? at + length : at;
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index > length)
    throw unknown(node, `position ${at ?? 'unknown'}`);
  return index;
}

/** The sizes of the parts: one each, so many each, or as stated. */
function partsOf(node: Node, size: Dim, stated: readonly Dim[] | undefined, scalar: boolean): readonly Dim[] {
  if (stated && !scalar) return stated;
  const each = stated ? stated[0] : 1;
  if (typeof size !== 'number' || typeof each !== 'number' || !(each >= 1) || size / each > MOST_PARTS)
    throw unknown(node, `parts of size ${each} of ${size ?? 'unknown'}`);
  return Array.from({ length: Math.ceil(size / each) }, (_, i) => Math.min(each, size - i * each));
}

function splitToSequence(b: GraphBuilder, node: Node): readonly Value[] {
  const [x, split] = [node.inputs[0] ?? '', node.inputs[1]];
  const { shape } = b.type(x);
  const axis = axisOf(node, intOf(node, 'axis', 0), shape.length);
  const stated = split ? b.known(split) : undefined;
  if (split && !stated) throw unknown(node, 'parts of unknown sizes');
  const sizes = partsOf(node, shape[axis]!, stated, !!split && b.shape(split).length === 0);
  if (!sizes.every((s) => Number.isInteger(s)) || sizes.length > MOST_PARTS)
    throw unknown(node, `parts [${sizes.slice(0, 8)}]`);
  const parts =
    sizes.length === 1 ? [x] : b.ops('Split', [x, b.ints(sizes as number[])], { axis }, sizes.length);
  if (split || intOf(node, 'keepdims', 1) !== 0) return parts;
  return parts.map((part) => b.op('Squeeze', [part, b.ints([axis])]));
}

const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    ConcatFromSequence: (b, n, list) => {
      const axis = intOf(n, 'axis', 0);
      const added = intOf(n, 'new_axis', 0) !== 0;
      if (list.length === 0) throw unknown(n, 'an empty list');
      return b.op('Concat', added ? list.map((v) => b.op('Unsqueeze', [v, b.ints([axis])])) : list, { axis });
    },
    SequenceAt: (b, n, list) => {
      const value = list[position(b, n, 1, list.length)];
      if (!value) throw unknown(n, `a list of ${list.length}`);
      return value;
    },
    SequenceConstruct: (_b, n) => n.inputs,
    SequenceEmpty: () => [],
    SequenceErase: (b, n, list) =>
      list.toSpliced(n.inputs[1] ? position(b, n, 1, list.length) : list.length - 1, 1),
    SequenceInsert: (b, n, list) =>
      list.toSpliced(n.inputs[2] ? position(b, n, 2, list.length) : list.length, 0, n.inputs[1] ?? ''),
    SequenceLength: (b, _n, list) => b.op('Squeeze', [b.ints([list.length]), b.ints([0])]),
    SplitToSequence: splitToSequence,
  }),
);

export const isSequenceOp = (node: Node): boolean => node.domain === '' && rules.has(node.op);
