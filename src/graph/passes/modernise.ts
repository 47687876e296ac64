import { TouchstoneError } from '../../errors.ts';
import { float32, int64, intOf, intsOf, toAttributes } from '../attributes.ts';
import type { Attribute, Model, Node, Tensor } from '../ir.ts';

/** The oldest operator set that is rewritten. Before it, broadcasting and several operators meant other things. */
const OLDEST = 9;
const NEWEST = 23;

/** The operator set from which a Reduce operator takes its axes as an input. */
const axesAsInput = (op: string): number | undefined => {
  if (op === 'ReduceSum' || op === 'Squeeze' || op === 'Unsqueeze') return 13;
  return /^Reduce(Mean|Max|Min|Prod|L1|L2|LogSum|LogSumExp|SumSquare)$/.test(op) ? 18 : undefined;
};

/**
 * Rewrites a model's graph to operator set 20, in which every graph here is built. What changed between its own set
 * and 20 is written in the newer form; the float operators of 21 to 23 mean the same in 20.
 *
 * @throws E_UNSUPPORTED for a set outside 9 to 23, or an operator whose older form has no newer one
 */
export function modernise(model: Model): Model {
  const opset = model.opsets.get('') ?? 0;
  if (opset < OLDEST || opset > NEWEST)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `a model in operator set ${opset}`,
      `${OLDEST} to ${NEWEST}`,
      'export it again with opset_version=17, or convert it with onnx.version_converter',
    );
  const initializers = new Map(model.graph.initializers);
  const taken = new Set([...initializers.keys(), ...model.graph.nodes.flatMap((n) => n.outputs)]);
  const fresh = (hint: string): string => {
    let name = hint;
    for (let i = 0; taken.has(name); i++) name = `${hint}_${i}`;
    taken.add(name);
    return name;
  };
  const constant = (node: Node, what: string, tensor: Tensor): string => {
    const name = fresh(`${node.outputs[0]}_${what}`);
    initializers.set(name, tensor);
    return name;
  };
  const nodes = model.graph.nodes.flatMap((n) =>
    n.domain === '' ? rewrite(n, opset, constant, fresh) : [n],
  );
  return {
    ...model,
    graph: { ...model.graph, nodes, initializers },
    opsets: new Map(model.opsets).set('', 20),
  };
}

type MakeConstant = (node: Node, what: string, tensor: Tensor) => string;

const without = (node: Node, ...names: string[]): Node['attributes'] =>
  new Map([...node.attributes].filter(([name]) => !names.includes(name)));

function rewrite(n: Node, opset: number, constant: MakeConstant, fresh: (hint: string) => string): Node[] {
  const since = axesAsInput(n.op);
  const axes = intsOf(n, 'axes');
  if (since !== undefined && opset < since && axes)
    return [
      { ...n, inputs: [n.inputs[0]!, constant(n, 'axes', int64(axes))], attributes: without(n, 'axes') },
    ];
  if (opset < 13 && (n.op === 'Softmax' || n.op === 'LogSoftmax')) return flattened(n, fresh);
  if (opset < 12 && n.op === 'Dropout') return [{ ...n, attributes: without(n, 'ratio') }];
  if (opset < 11 && n.op === 'Clip') {
    const bound = (name: string, a: Attribute | undefined) =>
      a?.type === 'float' ? constant(n, name, float32([a.value], [])) : '';
    const inputs = [
      n.inputs[0]!,
      bound('min', n.attributes.get('min')),
      bound('max', n.attributes.get('max')),
    ];
    return [{ ...n, inputs, attributes: without(n, 'min', 'max') }];
  }
  if (opset < 11 && n.op === 'Pad') {
    const value = n.attributes.get('value');
    const inputs = [n.inputs[0]!, constant(n, 'pads', int64(intsOf(n, 'pads') ?? []))];
    if (value?.type === 'float') inputs.push(constant(n, 'value', float32([value.value], [])));
    return [{ ...n, inputs, attributes: without(n, 'pads', 'value') }];
  }
  if (opset < 10 && n.op === 'Slice') {
    const starts = intsOf(n, 'starts') ?? [];
    const parts = {
      starts,
      ends: intsOf(n, 'ends') ?? [],
      axes: intsOf(n, 'axes') ?? starts.map((_, i) => i),
    };
    const inputs = Object.entries(parts).map(([name, values]) => constant(n, name, int64(values)));
    return [{ ...n, inputs: [n.inputs[0]!, ...inputs], attributes: without(n, 'starts', 'ends', 'axes') }];
  }
  return [n];
}

/** Before set 13 Softmax normalised over all axes from `axis` on, as if flattened to a matrix there. */
function flattened(n: Node, fresh: (hint: string) => string): Node[] {
  const [x, y] = [n.inputs[0]!, n.outputs[0]!];
  const [flat, soft, shape] = [fresh(`${y}_flat`), fresh(`${y}_soft`), fresh(`${y}_shape`)];
  const make = (op: string, inputs: string[], output: string, attributes = {}): Node => ({
    op,
    domain: '',
    name: output,
    inputs,
    outputs: [output],
    attributes: toAttributes(attributes),
  });
  return [
    make('Flatten', [x], flat, { axis: intOf(n, 'axis', 1) }),
    make(n.op, [flat], soft, { axis: 1 }),
    make('Shape', [x], shape),
    make('Reshape', [soft, shape], y),
  ];
}
