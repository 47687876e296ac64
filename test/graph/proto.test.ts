import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { dataTypeNumber } from '../../src/graph/data-types.ts';
import type { Attribute, DataType, Tensor } from '../../src/graph/ir.ts';
import { readModel, sortGraph, writeModel } from '../../src/graph/proto/index.ts';
import { STORAGE, type TypedField } from '../../src/graph/proto/storage.ts';
import { classifier, DATA_TYPES, floats, graph, model, node, SAMPLES } from './proto-models.ts';

const constant = (t: Tensor) => model(graph([node('Identity', ['w'], ['y'])], { w: t }, []));
const firstTensor = (bytes: Uint8Array) => readModel(bytes).graph.initializers.get('w');

/** A model of one initializer, whose message is `fields`. */
function ofTensor(fields: MessageInitShape<typeof TensorProtoSchema>): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, writeModel(constant(floats([3]))));
  proto.graph!.initializer = [create(TensorProtoSchema, { name: 'w', ...fields })];
  return toBinary(ModelProtoSchema, proto);
}

describe('tensors', () => {
  it.each(DATA_TYPES)('%s survives writing and reading', (dtype) => {
    const tensor = { dtype, shape: [3], data: SAMPLES[dtype] };
    expect(firstTensor(writeModel(constant(tensor)))).toStrictEqual(tensor);
    const empty = { dtype, shape: [0, 7], data: SAMPLES[dtype].slice(0, 0) };
    expect(firstTensor(writeModel(constant(empty)))).toStrictEqual(empty);
  });

  it.each(DATA_TYPES)('%s is read from its typed field', (dtype) => {
    const { field, slots } = STORAGE[dtype];
    const data = SAMPLES[dtype];
    const listed = typedFields(dtype);
    expect(listed[field]).toHaveLength(Math.ceil(3 * slots));
    const tensor = firstTensor(ofTensor({ dims: [3n], dataType: dataTypeNumber(dtype), ...listed }));
    expect(tensor).toStrictEqual({ dtype, shape: [3], data });
  });

  it('copies the data out of the file, and keeps an odd offset aligned', () => {
    const bytes = writeModel(constant(floats([3])));
    for (let shift = 0; shift < 4; shift++) {
      const moved = new Uint8Array(bytes.length + shift);
      moved.set(bytes, shift);
      const tensor = firstTensor(moved.subarray(shift));
      moved.fill(0);
      expect(tensor).toStrictEqual(floats([3]));
    }
  });

  it('refuses strings that are not UTF-8', () => {
    const bytes = ofTensor({ dims: [1n], dataType: 8, stringData: [Uint8Array.of(0xc3, 0x28)] });
    expect(() => readModel(bytes)).toThrow(/^E_UNSUPPORTED: initializer "w" whose string 0 is not UTF-8/);
  });

  it('refuses to write data that does not fit', () => {
    const data = Float32Array.of(1, 2);
    expect(() => writeModel(constant({ dtype: 'float32', shape: [3], data }))).toThrow(
      /^E_SHAPE: .*2 entries, expected 3/,
    );
    expect(() => writeModel(constant({ dtype: 'float64', shape: [2], data }))).toThrow(
      /^E_SHAPE: .*Float32Array/,
    );
    expect(() => writeModel(constant({ dtype: 'string', shape: [2], data }))).toThrow(/^E_SHAPE/);
  });

  it('keeps an attribute tensor’s name, doc and metadata', () => {
    const bytes = writeModel(
      model(graph([node('Constant', [], ['y'], { value: { type: 'tensor', value: floats([]) } })], {}, [])),
    );
    const proto = fromBinary(ModelProtoSchema, bytes);
    const t = proto.graph!.node[0]!.attribute[0]!.t!;
    Object.assign(t, {
      name: 'pi',
      docString: 'about',
      metadataProps: [{ $typeName: 'onnx.StringStringEntryProto', key: 'a', value: 'b' }],
    });
    const named = toBinary(ModelProtoSchema, proto);
    expect(writeModel(readModel(named))).toEqual(named);
  });
});

/** The sample of a type, listed as onnx.proto says. */
function typedFields(dtype: DataType): Partial<Pick<TensorProto, TypedField>> {
  const data = SAMPLES[dtype];
  if (data instanceof BigInt64Array) return { int64Data: [...data] };
  if (data instanceof BigUint64Array) return { uint64Data: [...data] };
  if (data instanceof Uint32Array) return { uint64Data: [...data].map(BigInt) };
  if (data instanceof Float32Array) return { floatData: [...data] };
  if (data instanceof Float64Array) return { doubleData: [...data] };
  if (ArrayBuffer.isView(data)) return { int32Data: [...data] };
  return { stringData: data.map((text) => new TextEncoder().encode(text)) };
}

describe('attributes', () => {
  const attributes: Record<string, Attribute> = {
    float: { type: 'float', value: 0.5 },
    not_a_number: { type: 'float', value: Number.NaN },
    int: { type: 'int', value: -(2 ** 53) },
    int64_limits: { type: 'ints', value: [2 ** 63, -(2 ** 63), 0] },
    text: { type: 'string', value: '\uFEFFäöü', doc: 'what it is for' },
    tensor: { type: 'tensor', value: floats([2, 2]) },
    graph: { type: 'graph', value: graph([node('Relu', ['x'], ['y'])], {}, []) },
    floats: { type: 'floats', value: [1, -Infinity] },
    none: { type: 'ints', value: [] },
    strings: { type: 'strings', value: ['', 'a'] },
    tensors: { type: 'tensors', value: [floats([1]), floats([])] },
    graphs: { type: 'graphs', value: [graph([], {}, ['y'])] },
    ['__proto__']: { type: 'int', value: 1 },
  };
  const custom = (values: ReadonlyMap<string, Attribute>) => {
    const odd = { ...node('Odd', ['x'], ['y']), domain: 'org.example', attributes: values };
    return model(graph([odd]), { '': 17, 'org.example': 1 });
  };
  const read = (bytes: Uint8Array) => readModel(bytes).graph.nodes[0]!.attributes;

  it('survive, of every kind', () => {
    const all = new Map(Object.entries(attributes));
    all.set('__proto__', { type: 'int', value: 1 });
    expect(read(writeModel(custom(all)))).toStrictEqual(all);
  });

  it('write integers beyond int64 as its limits', () => {
    const bytes = writeModel(
      custom(new Map([['a', { type: 'ints', value: [2 ** 63, 2 ** 70, -(2 ** 70)] }]])),
    );
    const { ints } = fromBinary(ModelProtoSchema, bytes).graph!.node[0]!.attribute[0]!;
    expect(ints).toEqual([2n ** 63n - 1n, 2n ** 63n - 1n, -(2n ** 63n)]);
  });

  const kept = {
    'an integer that a number cannot hold': { i: 2n ** 53n + 1n, type: AttributeProto_AttributeType.INT },
    'a string that is not UTF-8': { s: Uint8Array.of(0xff), type: AttributeProto_AttributeType.STRING },
    'two values at once': { i: 1n, f: 2, type: AttributeProto_AttributeType.INT },
    'a kind that the value is not of': { f: 2, type: AttributeProto_AttributeType.INT },
  };
  it.each(Object.entries(kept))('keep %s as it is', (_, fields) => {
    const attribute = create(AttributeProtoSchema, { name: 'a', ...fields });
    const other: Attribute = { type: 'other', proto: toBinary(AttributeProtoSchema, attribute) };
    expect(read(writeModel(custom(new Map([['a', other]])))).get('a')).toStrictEqual(other);
  });

  it('refuse what ONNX cannot hold', () => {
    const one = (a: Attribute) => () => writeModel(custom(new Map([['a', a]])));
    expect(one({ type: 'int', value: 0.5 })).toThrow(
      /^E_RANGE: attribute "a" of Odd "odd_y" is 0.5, expected an integer/,
    );
    expect(one({ type: 'floats', value: [1e300] })).toThrow(/^E_RANGE/);
  });
});

describe('models', () => {
  it('are written the same, byte for byte', () => {
    expect(writeModel(classifier())).toEqual(writeModel(classifier()));
    const bytes = writeModel(classifier());
    expect(writeModel(readModel(bytes))).toEqual(bytes);
  });

  it('keep everything else a file can say', () => {
    const proto = everything();
    const bytes = toBinary(ModelProtoSchema, proto);
    const read = readModel(bytes);
    expect(fromBinary(ModelProtoSchema, writeModel(read))).toEqual(fromBinary(ModelProtoSchema, bytes));
    expect(read.metadata).toEqual(new Map([['__proto__', 'harmless']]));
    expect(read.graph.inputs[1]!.type!.kind).toBe('other');
    const { type } = read.graph.inputs[0]!;
    expect(type).toMatchObject({
      shape: ['N', 3, null],
      denotations: { type: 'IMAGE', dims: ['DATA_BATCH', '', ''] },
    });
  });

  it('take both names of ONNX’s own operator set for one', () => {
    const named = model(graph([{ ...node('Relu', ['x'], ['y']), domain: 'ai.onnx' }]), { 'ai.onnx': 17 });
    const read = readModel(writeModel(named));
    expect(read.opsets).toEqual(new Map([['', 17]]));
    expect(read.graph.nodes[0]!.domain).toBe('');
  });

  it('read a negative or empty dimension as an unknown one', () => {
    const proto = fromBinary(ModelProtoSchema, writeModel(classifier()));
    const type = proto.graph!.input[0]!.type!.value;
    if (type.case !== 'tensorType') throw new Error('a tensor was expected');
    type.value.shape!.dim[0]!.value = { case: 'dimParam', value: '' };
    type.value.shape!.dim[1]!.value = { case: 'dimValue', value: -1n };
    expect(readModel(toBinary(ModelProtoSchema, proto)).graph.inputs[0]!.type).toMatchObject({
      shape: [null, null, 28, 28],
    });
  });

  it('beyond 2 GiB are refused before anything is written', () => {
    // A view of 2 GiB of untouched zeros takes no memory to speak of.
    const data = new Uint8Array(2 ** 31);
    const large = constant({ dtype: 'uint8', shape: [data.length], data });
    expect(() => writeModel(large)).toThrow(/^E_UNSUPPORTED: a model of 2.00 GiB, expected less than 2 GiB/);
  });
});

describe('order', () => {
  const a = node('Relu', ['x'], ['a']);
  const b = node('Relu', ['a'], ['b']);
  const y = node('Add', ['b', 'a'], ['y']);

  it('is made by reading, and left alone where it is right', () => {
    expect(readModel(writeModel(model(graph([y, b, a])))).graph.nodes).toStrictEqual([a, b, y]);
    const sorted = graph([a, b, y]);
    expect(sortGraph(sorted)).toBe(sorted);
  });

  it('minds what subgraphs take from around them, and is made inside them', () => {
    const branch = {
      ...graph([node('Relu', ['t'], ['y2']), node('Relu', ['a'], ['t'])], {}, [], ['y2']),
      name: 'then',
    };
    const choice = node('If', ['x'], ['y'], { then_branch: { type: 'graph', value: branch } });
    const sorted = sortGraph(graph([choice, a]));
    expect(sorted.nodes.map(({ op }) => op)).toEqual(['Relu', 'If']);
    const inside = sorted.nodes[1]!.attributes.get('then_branch');
    expect(inside?.type === 'graph' && inside.value.nodes.map(({ outputs }) => outputs[0])).toEqual([
      't',
      'y2',
    ]);
  });

  it('is found for chains longer than the call stack', () => {
    const chain = Array.from({ length: 30_000 }, (_, i) =>
      node('Relu', [i === 0 ? 'x' : `h${i}`], [`h${i + 1}`]),
    );
    const sorted = sortGraph(graph(chain.toReversed(), {}, ['x'], ['h30000']));
    expect(sorted.nodes).toEqual(chain);
  });
});

/** A message that uses what no ordinary model does. */
function everything(): ModelProto {
  const entry = { key: 'k', value: 'v' };
  const metadataProps = [entry];
  const w = { name: 'v', dims: [1n], dataType: 1, rawData: Uint8Array.of(0, 0, 128, 63) };
  const indices = { dims: [1n], dataType: 7, rawData: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) };
  const relu = { opType: 'Relu', input: ['x'], output: ['y'] };
  const sequence = { value: { case: 'sequenceType' as const, value: { elemType: tensorType() } } };
  return create(ModelProtoSchema, {
    irVersion: 11n,
    opsetImport: [
      { domain: '', version: 21n },
      { domain: 'local', version: 1n },
    ],
    producerName: 'p',
    producerVersion: '',
    domain: 'd',
    modelVersion: 2n ** 60n + 1n,
    docString: 'doc',
    metadataProps: [{ key: '__proto__', value: 'harmless' }],
    configuration: [{ name: 'two', numDevices: 2, device: ['0', '1'] }],
    functions: [
      {
        name: 'Twice',
        domain: 'local',
        input: ['x'],
        output: ['y'],
        attribute: ['alpha'],
        opsetImport: [{ version: 21n }],
        node: [{ ...relu, opType: 'Elu', attribute: [{ name: 'alpha', refAttrName: 'alpha', type: 1 }] }],
        metadataProps,
      },
    ],
    trainingInfo: [{ algorithm: { name: 'step', node: [relu] }, updateBinding: [entry] }],
    graph: {
      name: 'g',
      docString: '',
      metadataProps,
      node: [
        {
          ...relu,
          name: 'first',
          overload: 'o',
          docString: 'd',
          metadataProps,
          attribute: [{ name: 'alpha', refAttrName: 'outer', type: 1 }],
          deviceConfigurations: [{ configurationId: 'two', pipelineStage: 1 }],
        },
        { opType: 'Twice', domain: 'local', input: ['v'], output: ['z'] },
        { opType: 'Relu', input: ['s'], output: ['unused'] },
      ],
      initializer: [{ ...w, docString: 'weights', metadataProps }],
      sparseInitializer: [{ values: { ...w, name: 's' }, indices, dims: [4n] }],
      quantizationAnnotation: [{ tensorName: 'v', quantParameterTensorNames: [entry] }],
      input: [
        { name: 'x', type: { ...tensorType(), denotation: 'IMAGE' }, docString: 'an image', metadataProps },
        { name: 'q', type: sequence },
        { name: 'u' },
      ],
      output: [{ name: 'y', type: { value: { case: 'tensorType', value: { elemType: 1 } } } }],
      valueInfo: [{ name: 'z', type: tensorType() }],
    },
  });
}

function tensorType() {
  const dim = [
    { value: { case: 'dimParam' as const, value: 'N' }, denotation: 'DATA_BATCH' },
    { value: { case: 'dimValue' as const, value: 3n } },
    {},
  ];
  return { value: { case: 'tensorType' as const, value: { elemType: 1, shape: { dim } } } };
}
