import { dataTypeNumber, dataTypeOf, isFloat } from '../data-types.ts';
import type { Attribute, Graph, Node, Tensor, ValueInfo } from '../ir.ts';
import { denseOf } from '../reference/index.ts';
import { withSubgraphs } from './modernise.ts';

/** The largest finite float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * The graph in float32: values, constants and casts of float16, bfloat16 and float64 are float32 instead. onnxruntime
 * computes most 16-bit operators in float32 on the CPU anyway. Inputs and outputs change their type as well.
 */
export function inFloat32(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(valueInFloat32),
    outputs: graph.outputs.map(valueInFloat32),
    valueInfo: graph.valueInfo.map(valueInFloat32),
    initializers: new Map([...graph.initializers].map(([name, t]) => [name, tensorInFloat32(t)])),
    nodes: graph.nodes.map(nodeInFloat32),
  };
}

function valueInFloat32(value: ValueInfo): ValueInfo {
  const { type } = value;
  if (type?.kind !== 'tensor' || !isFloat(type.dtype)) return value;
  return { ...value, type: { ...type, dtype: 'float32' } };
}

/** A tensor in float32; numbers beyond its range become its largest, so that masks stay finite where they were. */
export function tensorInFloat32(tensor: Tensor): Tensor {
  if (!isFloat(tensor.dtype) || tensor.dtype === 'float32') return tensor;
  const { data, shape } = denseOf(tensor);
  const finite = (x: number): number => (Number.isFinite(x) ? Math.min(Math.max(x, -LARGEST), LARGEST) : x);
  return { dtype: 'float32', shape, data: Float32Array.from(data, finite) };
}

/** Attributes that hold an element type. */
const TYPES: ReadonlySet<string> = new Set(['to', 'dtype', 'output_dtype']);

function nodeInFloat32(node: Node): Node {
  const attributes = new Map<string, Attribute>();
  let changed = false;
  for (const [name, a] of node.attributes) {
    const to = attributeInFloat32(name, a);
    changed ||= to !== a;
    attributes.set(name, to);
  }
  return withSubgraphs(changed ? { ...node, attributes } : node, inFloat32);
}

function attributeInFloat32(name: string, a: Attribute): Attribute {
  if (a.type === 'tensor') {
    const value = tensorInFloat32(a.value);
    return value === a.value ? a : { ...a, value };
  }
  const narrow =
    a.type === 'int' && TYPES.has(name) && a.value >= 1 && a.value <= 26 && isFloat(dataTypeOf(a.value));
  return narrow && a.value !== 1 ? { ...a, value: dataTypeNumber('float32') } : a;
}
