import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  type TensorProtoSchema,
} from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import type { Attribute, Graph, Model } from '../../src/graph/ir.ts';
import { type ReadLimits, readModel, writeModel } from '../../src/graph/proto/index.ts';
import { validateModel } from '../../src/graph/validate.ts';
import { classifier, floats, graph, model, node } from './proto-models.ts';

const whole = writeModel(classifier());
const ascii = (text: string) => new TextEncoder().encode(text);

function joined(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The field of a message: `tag length bytes`. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest % 128) + 128 : rest);
    if (rest < 128) break;
  }
  const out = new Uint8Array(1 + length.length + bytes.length);
  out.set([number * 8 + 2, ...length]);
  out.set(bytes, 1 + length.length);
  return out;
}

/** `ir_version: 8`. */
const VERSION = Uint8Array.of(8, 8);

/** A model's bytes with some of its graph's message replaced. */
function withGraph(init: MessageInitShape<typeof GraphProtoSchema>, from: Model = classifier()): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, writeModel(from));
  const fields = Object.entries(create(GraphProtoSchema, init)).filter(([name]) => name in init);
  Object.assign(proto.graph!, Object.fromEntries(fields));
  return toBinary(ModelProtoSchema, proto);
}

const ofTensor = (init: MessageInitShape<typeof TensorProtoSchema>) =>
  withGraph(
    { initializer: [{ name: 'w', ...init }] },
    model(graph([node('Relu', ['w'], ['y'])], { w: floats([1]) }, [])),
  );

/** Reading either works or is refused as it should be. */
function attempt(bytes: Uint8Array, limits?: Partial<ReadLimits>): Model | TouchstoneError {
  try {
    return readModel(bytes, limits && { limits });
  } catch (error) {
    if (error instanceof TouchstoneError && !error.message.includes('\n')) return error;
    throw error;
  }
}

describe('what is not a model', () => {
  it.each([
    ['an empty file', new Uint8Array(0), 'an empty file'],
    ['text', ascii('This is not a model.\n'), 'do not decode as ONNX'],
    ['JSON', ascii('{"epsilon": 0.1}'), 'text (JSON)'],
    ['a web page', ascii('<!DOCTYPE html>'), 'text (HTML or XML)'],
    ['a Git LFS pointer', ascii('version https://git-lfs.github.com/spec/v1\n'), 'a Git LFS pointer'],
    ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), 'a PNG image'],
    ['a PyTorch file', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0), 'a zip archive'],
    ['zeros', new Uint8Array(1000), 'field number 0'],
    ['a protobuf of something else', field(15, ascii('hello')), 'without a graph'],
    ['a model without a graph', Uint8Array.of(8, 8), 'without a graph'],
    ['a graph without a version', field(7, new Uint8Array(0)), 'without an IR version'],
  ])('%s', (_, bytes, got) => {
    const error = attempt(bytes);
    expect(error).toMatchObject({ code: 'E_ONNX', message: expect.stringContaining(got) });
  });

  it('a file larger than the limit', () => {
    expect(attempt(whole, { fileBytes: 100 })).toMatchObject({ code: 'E_ONNX', expected: 'at most 100' });
  });
});

describe('truncated and damaged files', () => {
  it('cut anywhere, are refused, and told from other files where the cut is inside the graph', () => {
    const graphAt = 2; // after ir_version
    for (let length = 0; length < whole.length; length += length < 400 ? 1 : 97) {
      const error = attempt(whole.subarray(0, length));
      expect(error, `cut to ${length}`).toMatchObject({ code: 'E_ONNX' });
      if (length > graphAt + 4) expect(String(error)).toMatch(/truncated|needs|without|operator set/);
    }
  });

  it('with bits flipped or bytes replaced, give a model or a TouchstoneError, soon', () => {
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    // Most of the file is weights, where nothing can go wrong: aim at the structure as often.
    const early = fc.record({ at: fc.nat(900), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(fc.oneof(early, change), { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = whole.slice();
        for (const { at, byte } of changes) bytes[at] = byte;
        const read = attempt(bytes);
        if (!(read instanceof TouchstoneError)) attempt(writeModel(read));
      }),
      { numRuns: 2000, interruptAfterTimeLimit: 20_000 },
    );
  });

  it('spliced from pieces of one another, likewise', () => {
    const piece = fc
      .tuple(fc.nat(whole.length), fc.nat(300))
      .map(([at, length]) => whole.subarray(at, at + length));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        (pieces) => void attempt(joined(whole.subarray(0, 60), ...pieces)),
      ),
      { numRuns: 500, interruptAfterTimeLimit: 10_000 },
    );
  });

  it('of random bytes, likewise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void attempt(bytes)),
      { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
    );
  });
});

describe('files made to exhaust memory', () => {
  it('millions of empty messages', () => {
    const nodes = field(
      7,
      new Uint8Array(6_000_000).map((_, i) => (i % 2 === 0 ? 0x0a : 0)),
    );
    const before = process.memoryUsage().rss;
    expect(attempt(joined(VERSION, nodes))).toMatchObject({
      got: expect.stringContaining('memory to parse'),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it('millions of fields that ONNX does not define', () => {
    const alien = new Uint8Array(10_000_000).map((_, i) => (i % 2 === 0 ? 0x78 : 1));
    expect(attempt(alien)).toMatchObject({ got: expect.stringContaining('memory to parse') });
  });

  it('long lists of small numbers', () => {
    const ints = field(8, new Uint8Array(30_000_000).fill(1));
    const bytes = joined(VERSION, field(7, field(1, field(5, ints))));
    expect(attempt(bytes)).toMatchObject({ got: expect.stringContaining('memory to parse') });
  });

  it('subgraphs without end', () => {
    let nested: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 2000; i++) nested = field(1, field(5, field(6, nested))); // node { attribute { g { … } } }
    expect(attempt(joined(VERSION, field(7, nested)))).toMatchObject({
      got: expect.stringContaining('messages deep'),
    });
  });

  it.each([
    ['negative', [-1n], 'no negative dimension'],
    ['beyond 2^53', [2n ** 60n], 'at most 2^53 in magnitude'],
    ['whose product overflows', [2n ** 40n, 2n ** 40n], 'at most 2^53 elements'],
    ['beyond the limit of bytes', [2n ** 20n, 2n ** 20n], 'less'],
    ['that its data does not fill', [1000n, 1000n], '4000000 for its shape and float32'],
    ['that its data overfills', [], '4 for its shape and float32'],
  ])('dimensions %s', (_, dims, expected) => {
    const bytes = ofTensor({ dims, dataType: 1, rawData: new Uint8Array(8) });
    expect(attempt(bytes)).toMatchObject({ code: 'E_ONNX', expected });
  });

  it.each([
    ['in the wrong field', { dims: [1n], dataType: 1, int32Data: [1] }, 'its data in int32Data'],
    [
      'in two places',
      { dims: [1n], dataType: 1, floatData: [1], rawData: new Uint8Array(4) },
      'floatData and rawData',
    ],
    ['missing', { dims: [2n], dataType: 6 }, '0 entries in int32Data'],
    ['of no type', { dims: [1n] }, 'without an element type'],
    ['of a new type', { dims: [1n], dataType: 27 }, 'element type 27'],
    ['in segments', { dims: [1n], dataType: 1, segment: { begin: 0n, end: 1n } }, 'segments'],
  ])('data %s', (_, init, got) => {
    expect(attempt(ofTensor(init))).toMatchObject({ got: expect.stringContaining(got) });
  });
});

describe('external data', () => {
  const external = (entries: Record<string, string>) =>
    ofTensor({
      dims: [2n],
      dataType: 1,
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    });
  const read = (entries: Record<string, string>, bytes = 8) =>
    readModel(external(entries), {
      externalData: (_location, _offset, length) => new Uint8Array(Math.min(bytes, length ?? bytes)),
    });

  it('becomes the model’s own', () => {
    const asked: unknown[] = [];
    const bytes = external({ location: 'w.bin', offset: '16', length: '8' });
    const read = readModel(bytes, {
      externalData: (...range) => {
        asked.push(range);
        return new Uint8Array(Float32Array.of(1, 2).buffer);
      },
    });
    expect(asked).toEqual([['w.bin', 16, 8]]);
    expect(readModel(writeModel(read)).graph.initializers.get('w')!.data).toEqual(Float32Array.of(1, 2));
  });

  it('is refused where nothing can bring it, or it is not what was declared', () => {
    expect(attempt(external({ location: 'w.bin' }))).toMatchObject({
      got: expect.stringContaining('in the file "w.bin"'),
    });
    expect(() => read({ location: 'w.bin', length: '4' })).toThrow(/4 bytes of external data, expected 8/);
    expect(() => read({ location: 'w.bin' }, 4)).toThrow(/4 bytes of external data, expected 8/);
    expect(() => read({ location: 'w.bin', offset: '-1' })).toThrow(/the offset of initializer "w" is "-1"/);
    expect(() => read({ location: 'w.bin', length: '8e0' })).toThrow(/the length of/);
    expect(() => read({ offset: '0' })).toThrow(/no location/);
  });
});

describe('invalid graphs', () => {
  const int: Attribute = { type: 'int', value: 1 };
  const body = (nodes: Graph['nodes'], outputs = ['t']): Attribute => ({
    type: 'graph',
    value: graph(nodes, {}, [], outputs),
  });
  const relu = node('Relu', ['x'], ['y']);

  it.each<[string, Model, RegExp]>([
    ['a value defined twice', model(graph([relu, node('Abs', ['x'], ['y'])])), /Abs "abs_y" defines "y"/],
    [
      'a node that defines an input',
      model(graph([node('Abs', ['x'], ['x'])], {}, ['x'], ['x'])),
      /defines "x"/,
    ],
    [
      'a node that defines an initializer',
      model(graph([relu], { y: floats([1]) })),
      /Relu "relu_y" defines "y"/,
    ],
    ['two inputs of a name', model(graph([relu], {}, ['x', 'x'])), /a graph input defines "x"/],
    [
      'an input nothing defines',
      model(graph([node('Add', ['x', 'no'], ['y'])])),
      /Add "add_y" needs "no", which nothing before it defines/,
    ],
    [
      'an output nothing defines',
      model(graph([relu], {}, ['x'], ['z'])),
      /output "z" of graph "g", which nothing defines/,
    ],
    [
      'nodes out of order',
      model(graph([node('Abs', ['h'], ['y']), node('Abs', ['x'], ['h'])])),
      /Abs "abs_y" stands before Abs "abs_h"/,
    ],
    [
      'a cycle',
      model(graph([node('Add', ['x', 'b'], ['a']), node('Abs', ['a'], ['b']), node('Abs', ['b'], ['y'])])),
      /cycle: Add "add_a", Abs "abs_b"|cycle: Abs "abs_b", Add "add_a"/,
    ],
    ['a node that needs itself', model(graph([node('Add', ['x', 'y'], ['y'])])), /cycle: Add "add_y"/],
    [
      'no operator set',
      model(graph([relu]), { 'ai.onnx.ml': 3 }),
      /Relu "relu_y" of operator set "ai.onnx", expected opset_import/,
    ],
    ['no operator', model(graph([node('', ['x'], ['y'])])), /without an operator/],
    [
      'an attribute of the wrong kind',
      model(graph([node('Conv', ['x', 'x'], ['y'], { strides: int })])),
      /"strides" of Conv "conv_y" is of kind int, expected ints/,
    ],
    [
      'a subgraph that needs what nothing defines',
      model(graph([node('If', ['x'], ['y'], { then_branch: body([node('Abs', ['no'], ['t'])]) })])),
      /Abs "abs_t" needs "no"/,
    ],
    [
      'a subgraph that needs its own node’s output',
      model(graph([node('If', ['x'], ['y'], { then_branch: body([node('Abs', ['y'], ['t'])]) })])),
      /cycle: If "if_y"|"abs_t" needs "y", which nothing before it/,
    ],
  ])('%s', (_, invalid, message) => {
    expect(() => validateModel(invalid)).toThrow(message);
    expect(() => validateModel(invalid)).toThrow(TouchstoneError);
    if (!message.source.includes('stands before'))
      expect(() => readModel(writeModel(invalid))).toThrow(message);
  });

  it('but a subgraph sees the names around it, and may reuse them', () => {
    const h = node('Abs', ['x'], ['h']);
    const branch = body([node('Add', ['h', 'w'], ['t']), node('Abs', ['t'], ['h'])], ['h']);
    const choice = node('If', ['c'], ['y'], { then_branch: branch, else_branch: branch });
    validateModel(model(graph([h, choice], { w: floats([1]) }, ['x', 'c'])));
  });

  it('two initializers, attributes or metadata of a name', () => {
    const w = { name: 'w', dims: [], dataType: 1, rawData: new Uint8Array(4) };
    expect(attempt(withGraph({ initializer: [w, w] }))).toMatchObject({ got: 'two initializers named "w"' });
    const twice = {
      opType: 'Relu',
      input: ['x'],
      output: ['y'],
      attribute: [
        { name: 'a', i: 1n, type: 2 },
        { name: 'a', i: 2n, type: 2 },
      ],
    };
    expect(attempt(withGraph({ node: [twice] }))).toMatchObject({ got: 'Relu "y" with two attributes "a"' });
    const metadataProps = [
      { key: 'k', value: '1' },
      { key: 'k', value: '2' },
    ];
    expect(attempt(withGraph({ metadataProps }))).toMatchObject({
      got: expect.stringContaining('two values'),
    });
  });

  it('names are only names', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const nodes = names.map((name, i) => node('Abs', [names[i - 1] ?? 'x'], [name]));
    const odd = model(graph(nodes, {}, ['x'], ['hasOwnProperty']));
    const named = { ...odd, metadata: new Map(names.map((name) => [name, name])) };
    expect(readModel(writeModel(named))).toStrictEqual(named);
    expect({}).not.toHaveProperty('polluted');
  });

  it('names cannot break the line or the terminal', () => {
    const name = `\u001b[2J\n\u009b31m${'x'.repeat(10_000)}`;
    const error = attempt(writeModel(model(graph([node('Abs', [name], ['y'])]))));
    expect(error).toBeInstanceOf(TouchstoneError);
    expect(String(error).length).toBeLessThan(500);
    const printable = (c: string) => c >= ' ' && (c < '\u007f' || c > '\u009f');
    expect([...String(error)].every(printable)).toBe(true);
  });
});
