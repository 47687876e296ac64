import { TouchstoneError } from '../../errors.ts';
import { type AttributeValue, float32, intOf, intsOf, stringOf } from '../attributes.ts';
import { attributeDataType } from '../data-types.ts';
import type { Attribute, Node, Tensor } from '../ir.ts';
import { STORAGE } from '../proto/storage.ts';
import { nodeLabel } from '../shapes/rule.ts';

/** What a rewriting may add around a node. */
export interface Make {
  /** A Constant before the node, named after `hint`. */
  constant(tensor: Tensor, hint: string): string;
  ints(values: readonly number[], hint: string): string;
  float(value: number, hint: string): string;
  /** Another operator before the node. */
  before(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): string;
  /** An operator that gives the node's output from a value called `from`, which the node must now give instead. */
  after(
    op: string,
    from: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, AttributeValue>>,
  ): void;
  fresh(hint: string): string;
  /** An initializer of the graph. */
  known(name: string): Tensor | undefined;
}

type Form = (n: Node, make: Make) => Node;

/** What an operator's older form is written as in the set that changed it. */
interface Change {
  readonly since: number;
  readonly write: Form;
}

const without = (node: Node, ...names: string[]): Node['attributes'] =>
  new Map([...node.attributes].filter(([name]) => !names.includes(name)));

const withInt = (node: Node, name: string, value: number): Node => ({
  ...node,
  attributes: new Map(node.attributes).set(name, { type: 'int', value }),
});

const input = (node: Node, i: number): string => node.inputs[i] ?? '';

const refuse = (node: Node, got: string, remedy = 'export the model again with opset_version=17'): never => {
  throw new TouchstoneError('E_UNSUPPORTED', `${nodeLabel(node)}: ${got}`, undefined, remedy);
};

/** An `ints` attribute that became input `i`. */
const asInput =
  (name: string, i = 1): Form =>
  (n, make) => {
    const values = intsOf(n, name);
    if (!values || n.inputs[i]) return n;
    const inputs = Array.from({ length: i }, (_, j) => input(n, j));
    return { ...n, inputs: [...inputs, make.ints(values, name)], attributes: without(n, name) };
  };

const axesSince = (since: number): readonly Change[] => [{ since, write: asInput('axes') }];

/** Before set 13 these worked on all axes from `axis` on, as if flattened to a matrix there. */
const flattened: Form = (n, make) => {
  const axis = intOf(n, 'axis', 1);
  // The last axis alone is what it has meant ever since.
  if (axis === -1) return n;
  const x = input(n, 0);
  const flat = make.before('Flatten', [x], { axis });
  const shape = make.before('Shape', [x]);
  const soft = make.fresh(`${n.outputs[0]}_flat`);
  make.after('Reshape', soft, [shape]);
  return { ...withInt(n, 'axis', 1), name: soft, inputs: [flat], outputs: [soft] };
};

const clip: Form = (n, make) => {
  const bound = (name: string): string => {
    const a = n.attributes.get(name);
    return a?.type === 'float' ? make.float(a.value, name) : '';
  };
  return { ...n, inputs: [input(n, 0), bound('min'), bound('max')], attributes: without(n, 'min', 'max') };
};

const pad: Form = (n, make) => {
  const value = n.attributes.get('value');
  const inputs = [input(n, 0), make.ints(intsOf(n, 'pads') ?? [], 'pads')];
  if (value?.type === 'float') inputs.push(make.float(value.value, 'value'));
  return { ...n, inputs, attributes: without(n, 'pads', 'value') };
};

const slice: Form = (n, make) => {
  const starts = intsOf(n, 'starts') ?? [];
  const parts = {
    starts,
    ends: intsOf(n, 'ends') ?? [],
    axes: intsOf(n, 'axes') ?? starts.map((_, i) => i),
  };
  const inputs = Object.entries(parts).map(([name, values]) => make.ints(values, name));
  return { ...n, inputs: [input(n, 0), ...inputs], attributes: without(n, 'starts', 'ends', 'axes') };
};

/** More outputs than one said that sets 7 to 13 were training; in inference they hold nothing. */
const batchNorm: Form = (n) => {
  if (intOf(n, 'spatial', 1) === 0) refuse(n, 'statistics per pixel (spatial = 0)');
  return { ...n, outputs: n.outputs.slice(0, 1), attributes: without(n, 'spatial') };
};

/** Set 10 scaled about the corner of the pixel grid; onnxruntime rounds down to enlarge and up to shrink. */
const resize10: Form = (n, make) => {
  const scales = make.known(input(n, 1));
  const shrinks = scales?.data.some((s) => Number(s) < 1) ?? false;
  const attributes = new Map<string, Attribute>(n.attributes)
    .set('coordinate_transformation_mode', { type: 'string', value: 'asymmetric' })
    .set('nearest_mode', { type: 'string', value: shrinks ? 'ceil' : 'floor' });
  return { ...n, inputs: [input(n, 0), '', input(n, 1)], attributes };
};

/** Set 11 wanted an empty tensor where there are no scales or regions; 13 leaves them out. */
const resize11: Form = (n, make) => {
  const empty = (i: number): string => {
    const name = input(n, i);
    return name && make.known(name)?.data.length === 0 ? '' : name;
  };
  return { ...n, inputs: [input(n, 0), empty(1), n.inputs[3] ? '' : input(n, 2), ...n.inputs.slice(3)] };
};

const upsample: Form = (n, make) => {
  const scales = n.attributes.get('scales');
  if (scales?.type !== 'floats') return n;
  const values = make.constant(float32(scales.value), 'scales');
  return { ...n, inputs: [input(n, 0), values], attributes: without(n, 'scales') };
};

const topK: Form = (n, make) => {
  const k = n.attributes.get('k');
  if (k?.type !== 'int') return n;
  return { ...n, inputs: [input(n, 0), make.ints([k.value], 'k')], attributes: without(n, 'k') };
};

/** Set 18 has one scale and bias per group, set 21 one per channel: each is repeated over its group. */
const groupNorm: Form = (n, make) => {
  const groups = intOf(n, 'num_groups', 0);
  if (!(Number.isInteger(groups) && groups >= 1)) refuse(n, `num_groups ${groups}`);
  const channels = make.before('Shape', [input(n, 0)], { start: 1, end: 2 });
  const size = make.before('Div', [channels, make.ints([groups], 'groups')]);
  const shape = make.before('Concat', [make.ints([1], 'one'), size], { axis: 0 });
  const perChannel = (i: number): string => {
    const column = make.before('Unsqueeze', [input(n, i), make.ints([1], 'last')]);
    const repeated = make.before('Expand', [column, shape]);
    return make.before('Reshape', [repeated, make.ints([-1], 'flat')]);
  };
  return { ...n, inputs: [input(n, 0), perChannel(1), perChannel(2)] };
};

const gridSample: Form = (n) => {
  const names: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' };
  const mode = stringOf(n, 'mode', 'bilinear');
  const attributes = new Map<string, Attribute>(n.attributes);
  return { ...n, attributes: attributes.set('mode', { type: 'string', value: names[mode] ?? mode }) };
};

const reductions = Object.fromEntries(
  ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((kind) => [
    `Reduce${kind}`,
    axesSince(18),
  ]),
);

/** By operator, its changes in order; each form is that of the set that brought the change. */
export const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map(
  Object.entries<readonly Change[]>({
    ...reductions,
    BatchNormalization: [{ since: 14, write: batchNorm }],
    Clip: [{ since: 11, write: clip }],
    Dropout: [
      { since: 12, write: (n) => ({ ...n, inputs: [input(n, 0)], attributes: without(n, 'ratio') }) },
    ],
    GridSample: [{ since: 20, write: gridSample }],
    GroupNormalization: [{ since: 21, write: groupNorm }],
    Hardmax: [{ since: 13, write: flattened }],
    LogSoftmax: [{ since: 13, write: flattened }],
    Pad: [{ since: 11, write: pad }],
    ReduceSum: axesSince(13),
    Resize: [
      { since: 11, write: resize10 },
      { since: 13, write: resize11 },
    ],
    Scatter: [{ since: 11, write: (n) => ({ ...n, op: 'ScatterElements' }) }],
    Slice: [{ since: 10, write: slice }],
    Softmax: [{ since: 13, write: flattened }],
    Split: [
      { since: 13, write: asInput('split') },
      { since: 18, write: (n) => (n.inputs[1] ? n : withInt(n, 'num_outputs', n.outputs.length)) },
    ],
    Squeeze: axesSince(13),
    TopK: [{ since: 10, write: topK }],
    Unsqueeze: axesSince(13),
    Upsample: [{ since: 9, write: upsample }],
  }),
);

/** The zero point that says what a QuantizeLinear of set 21 says with `output_dtype`. */
const quantise: Form = (n, make) => {
  const stated = intOf(n, 'output_dtype', 0);
  const plain = { ...n, attributes: without(n, 'output_dtype', 'precision') };
  if (!stated || n.inputs[2]) return plain;
  const dtype = attributeDataType(n, 'output_dtype');
  const { array, slots } = STORAGE[dtype];
  if (!array) return refuse(n, `output_dtype ${dtype}`);
  const zero: Tensor = { dtype, shape: [1], data: new array(Math.ceil(slots)) };
  const shape = make.before('Shape', [input(n, 1)]);
  const zeros = make.before('ConstantOfShape', [shape], { value: { type: 'tensor', value: zero } });
  return { ...plain, inputs: [input(n, 0), input(n, 1), zeros] };
};

/** Operators of sets 21 to 25 whose attributes set 20 does not know. */
export const LATER: ReadonlyMap<string, Form> = new Map(
  Object.entries<Form>({
    Cast: (n) => ({ ...n, attributes: without(n, 'round_mode') }),
    CastLike: (n) => ({ ...n, attributes: without(n, 'round_mode') }),
    DequantizeLinear: (n) => ({ ...n, attributes: without(n, 'output_dtype') }),
    QuantizeLinear: quantise,
  }),
);
