import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { canonicalise, float32, type Node, type Tensor } from '../../src/graph/index.ts';
import { check, int, made, ops, real } from './canonical.ts';
import { floats, node } from './proto-models.ts';

describe('functions of the model', () => {
  const domain = 'local';
  const nodeProto = (op: string, input: string[], output: string[], attribute: object[] = [], at = '') =>
    create(NodeProtoSchema, {
      opType: op,
      domain: at,
      input,
      output,
      attribute: attribute.map((a) => create(AttributeProtoSchema, a)),
    });
  const imports = [
    create(OperatorSetIdProtoSchema, { domain: '', version: 11n }),
    create(OperatorSetIdProtoSchema, { domain, version: 1n }),
  ];
  const functions = [
    // leaky(x; slope = 0.25) in operator set 11, called with and without its attribute
    create(FunctionProtoSchema, {
      name: 'Leaky',
      domain,
      input: ['a'],
      output: ['b'],
      opsetImport: imports,
      attributeProto: [create(AttributeProtoSchema, { name: 'slope', type: Kind.FLOAT, f: 0.25 })],
      node: [
        nodeProto('LeakyRelu', ['a'], ['b'], [{ name: 'alpha', refAttrName: 'slope', type: Kind.FLOAT }]),
      ],
    }),
    create(FunctionProtoSchema, {
      name: 'Pooled',
      domain,
      input: ['a', 'bias'],
      output: ['b', 'c'],
      opsetImport: imports,
      node: [
        nodeProto('Leaky', ['a'], ['h'], [], domain),
        nodeProto('ReduceMean', ['h'], ['m'], [{ name: 'axes', type: Kind.INTS, ints: [2n, 3n] }]),
        nodeProto('Add', ['m', 'bias'], ['b']),
        nodeProto('Identity', ['a'], ['c']),
      ],
    }),
  ];
  const extra = toBinary(ModelProtoSchema, create(ModelProtoSchema, { functions }));
  const call = (op: string, inputs: string[], outputs: string[], attributes = {}): Node => ({
    ...node(op, inputs, outputs, attributes),
    domain,
  });

  it('are inlined, nested ones and their attributes too', async () => {
    const m = made(
      [
        call('Leaky', ['x'], ['h'], { slope: real(0.5) }),
        call('Pooled', ['h', 'w'], ['p', 'same']),
        node('Add', ['p', 'same'], ['y']),
      ],
      { w: floats([1, 4, 1, 1]) },
      { opset: 11 },
    );
    const withFunctions = { ...m, opsets: new Map([...m.opsets, [domain, 1]]), extra };
    const canonical = await check(withFunctions);
    expect(ops(canonical)).toEqual(['LeakyRelu', 'LeakyRelu', 'ReduceMean', 'Add', 'Add']);
  });

  it('that call themselves, or multiply, are refused', () => {
    const self = create(FunctionProtoSchema, {
      name: 'Self',
      domain,
      input: ['a'],
      output: ['b'],
      opsetImport: imports,
      node: [nodeProto('Self', ['a'], ['b'], [], domain)],
    });
    const doubling = Array.from({ length: 30 }, (_, i) =>
      create(FunctionProtoSchema, {
        name: `F${i}`,
        domain,
        input: ['a'],
        output: ['b'],
        opsetImport: imports,
        node: [
          nodeProto(`F${i + 1}`, ['a'], ['h'], [], domain),
          nodeProto(`F${i + 1}`, ['h'], ['b'], [], domain),
        ],
      }),
    );
    for (const [list, op] of [
      [[self], 'Self'],
      [doubling, 'F0'],
    ] as const) {
      const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { functions: [...list] }));
      const m = made([call(op, ['x'], ['y'])]);
      const hostile = { ...m, opsets: new Map([...m.opsets, [domain, 1]]), extra: bytes };
      expect(() => canonicalise(hostile)).toThrow(
        /E_UNSUPPORTED: .* is a function (nested too deep|of too many nodes)/,
      );
    }
  });
});

describe('other float types', () => {
  const half = (values: readonly number[], shape: readonly number[]): Tensor => ({
    dtype: 'float16',
    shape,
    // Powers of two: bits are the exponent alone.
    data: Uint16Array.from(values, (v) => (Math.log2(v) + 15) << 10),
  });

  it('weights and casts of float16 become float32', async () => {
    const m = made(
      [
        node('Cast', ['x'], ['x16'], { to: int(10) }),
        node('Mul', ['x16', 'w'], ['h']),
        node('Cast', ['h'], ['y'], { to: int(1) }),
      ],
      { w: half([0.5, 2, 1, 4], [4, 1, 1]) },
    );
    // An image of multiples of 1/4 is the same in 16 bits.
    const canonical = await check(
      m,
      float32(
        Array.from({ length: 144 }, (_, i) => ((i % 9) - 4) / 4),
        [1, 4, 6, 6],
      ),
    );
    expect(ops(canonical)).toEqual(['Mul']);
    expect([...canonical.initializers.get('w')!.data]).toEqual([0.5, 2, 1, 4]);
  });

  it('so do inputs, outputs, and constants beyond the range of float32', () => {
    const m = made([node('Max', ['x', 'least'], ['y'])], {
      least: { dtype: 'float64', shape: [], data: Float64Array.of(-1e300) },
    });
    const double = {
      ...m.graph.inputs[0]!,
      type: { kind: 'tensor', dtype: 'float64', shape: ['N', 2] } as const,
    };
    const canonical = canonicalise({ ...m, graph: { ...m.graph, inputs: [double] } });
    expect(canonical.inputs[0]!.type).toEqual({ kind: 'tensor', dtype: 'float32', shape: ['N', 2] });
    expect(canonical.outputs[0]!.type).toMatchObject({ dtype: 'float32' });
    expect(canonical.initializers.get('least')!.data[0]).toBe(-(2 - 2 ** -23) * 2 ** 127);
  });
});
