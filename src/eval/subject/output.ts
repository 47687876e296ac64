import { TouchstoneError } from '../../errors.ts';
import {
  type Dim,
  formatShape,
  type Graph,
  type GraphBuilder,
  intOf,
  type Node,
  type Value,
} from '../../graph/index.ts';

export type OutputKind =
  | 'logits'
  | 'probabilities'
  | 'log-probabilities'
  | 'independent probabilities'
  | 'labels';

/** What follows the logits: the kind of output it makes, and the value it starts from. */
interface Head {
  readonly kind: OutputKind;
  readonly logits: Value;
}

/** Operators that move values, copy them, or round them: the largest stays the largest. */
const MOVES = /^(Identity|Cast|Reshape|Flatten|Squeeze|Unsqueeze|QuantizeLinear|DequantizeLinear)$/;

/** The size of a shape behind its batch axis, and where the classes stand: exactly one axis that is not 1. */
export function classAxis(shape: readonly Dim[]): { axis: number; classes: number } | undefined {
  const wide = shape.flatMap((d, i) => (i > 0 && d !== 1 ? [{ axis: i, classes: d }] : []));
  const [only] = wide;
  if (shape.length < 2 || wide.length !== 1 || typeof only?.classes !== 'number') return undefined;
  return only.classes >= 2 ? { axis: only.axis, classes: only.classes } : undefined;
}

/**
 * Which output classifies: the one named, else the first that is a score per class, else the first.
 *
 * @throws E_OPTION for a name that no output has
 */
export function chooseOutput(
  graph: Graph,
  shapeOf: (name: string) => readonly Dim[] | undefined,
  wanted?: string,
): string {
  const names = graph.outputs.map((o) => o.name);
  if (wanted === undefined)
    return names.find((n) => classAxis(shapeOf(n) ?? []) !== undefined) ?? names[0] ?? '';
  if (!names.includes(wanted))
    throw new TouchstoneError('E_OPTION', `no output "${wanted}"`, names.join(', '));
  return wanted;
}

/**
 * The values behind a final softmax, log-softmax or sigmoid over the classes: attacks differentiate those, since the
 * classification is the same and nothing saturates. Behind an ArgMax over the classes, too.
 */
export function headOf(b: GraphBuilder, output: Value): Head {
  const seen = (value: Value): Node | undefined => {
    const node = b.producer(value);
    return node && MOVES.test(node.op) && node.domain === '' ? seen(node.inputs[0]!) : node;
  };
  const last = seen(output);
  if (last?.domain !== '') return { kind: 'logits', logits: output };
  const [inner] = last.inputs as [Value];
  if (last.op === 'ArgMax' && overClasses(b, last, 0))
    return { kind: 'labels', logits: headOf(b, inner).logits };
  if (/^(Log)?Softmax$/.test(last.op) && overClasses(b, last, -1))
    return { kind: last.op === 'Softmax' ? 'probabilities' : 'log-probabilities', logits: inner };
  if (last.op === 'Sigmoid') return { kind: 'independent probabilities', logits: inner };
  return { kind: 'logits', logits: output };
}

function overClasses(b: GraphBuilder, node: Node, byDefault: number): boolean {
  const shape = b.shape(node.inputs[0]!);
  const axis = intOf(node, 'axis', byDefault);
  return classAxis(shape)?.axis === (axis < 0 ? axis + shape.length : axis);
}

/** Scores per class, as `[N, K]`. @throws E_UNSUPPORTED for any other shape */
export function asMatrix(b: GraphBuilder, value: Value, output: string): Value {
  const shape = b.shape(value);
  const found = classAxis(shape);
  if (!found)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `output "${output}" ${formatShape(shape)}`,
      '[N, classes] with at least 2 classes',
      'name another with --output',
    );
  if (shape.length === 2) return value;
  return b.reshape(value, [typeof shape[0] === 'number' ? shape[0] : -1, found.classes]);
}
