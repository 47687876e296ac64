import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import type { NumericArray, Tensor } from '../../src/graph/ir.ts';
import { decodeNpy, encodeNpy } from '../../src/io/npy.ts';
import { decodeNpz, encodeNpz, namesInNpz } from '../../src/io/npz.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/data/${name}.npz`, import.meta.url)));

const halfToNumber = (bits: number): number => {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

const samples: Record<string, Tensor<NumericArray>> = {
  float32: {
    dtype: 'float32',
    shape: [2, 3],
    data: Float32Array.of(0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** -149),
  },
  float64: { dtype: 'float64', shape: [3], data: Float64Array.of(Math.PI, -1e300, 5e-324) },
  float16: { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x7bff) },
  int8: { dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) },
  int16: { dtype: 'int16', shape: [2], data: Int16Array.of(-32768, 32767) },
  int32: { dtype: 'int32', shape: [1, 2, 1], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
  int64: { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  uint8: { dtype: 'uint8', shape: [2, 0, 2], data: new Uint8Array() },
  uint16: { dtype: 'uint16', shape: [1], data: Uint16Array.of(65535) },
  uint32: { dtype: 'uint32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
  uint64: { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  bool: { dtype: 'bool', shape: [3], data: Uint8Array.of(0, 1, 1) },
  complex64: { dtype: 'complex64', shape: [1], data: Float32Array.of(1, -2) },
  scalar: { dtype: 'float64', shape: [], data: Float64Array.of(7) },
};

/** A `.npy` of any header, to be read. */
function npy(header: string, data: Uint8Array = new Uint8Array(), version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length =
    version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.of(0x93, 78, 85, 77, 80, 89, version, 0, ...length, ...text, ...data);
}

describe('reading what NumPy wrote', () => {
  for (const file of ['dtypes', 'dtypes_compressed']) {
    const arrays = decodeNpz(fixture(file));
    test.each('f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8'.split(' '))(`${file}: %s in every order`, (code) => {
      for (const order of ['little', 'big', 'fortran']) {
        const { shape, data, dtype } = arrays.get(`${code}_${order}`)!;
        expect(shape).toEqual([2, 3, 4]);
        const expected = Array.from({ length: 24 }, (_, i) =>
          code[0] === 'u' ? i : code[0] === 'i' ? i - 3 : (i - 3) / 4,
        );
        const numbers = Array.from(data as ArrayLike<number | bigint>, Number);
        expect(dtype === 'float16' ? numbers.map(halfToNumber) : numbers).toEqual(expected);
      }
    });
    test(`${file}: booleans, complex, scalar and empty`, () => {
      expect(arrays.get('bool')).toEqual({
        dtype: 'bool',
        shape: [6],
        data: Uint8Array.of(0, 1, 0, 1, 0, 1),
      });
      expect(arrays.get('complex')!.data).toEqual(Float32Array.of(0, 5, 1, 4, 2, 3, 3, 2, 4, 1, 5, 0));
      expect(arrays.get('scalar')).toEqual({ dtype: 'float64', shape: [], data: Float64Array.of(2.5) });
      expect(arrays.get('empty')).toEqual({ dtype: 'float32', shape: [0, 5], data: new Float32Array() });
    });
  }

  test('names are keys, never paths', () => {
    const arrays = decodeNpz(fixture('paths'));
    expect([...arrays.keys()]).toEqual(['../../etc/passwd', '/abs', '__proto__']);
    expect(namesInNpz(fixture('paths'))).toEqual([...arrays.keys()]);
  });

  test('objects, strings and structured arrays are refused', () => {
    expect(() => decodeNpz(fixture('objects'))).toThrow(/E_UNSUPPORTED: array "x".*"\|O"/);
    expect(() => decodeNpz(fixture('strings'))).toThrow(/E_UNSUPPORTED: array "y".*"<U1"/);
    expect(() => decodeNpz(fixture('structured'))).toThrow(/E_UNSUPPORTED: array "x".*structured/);
    expect(decodeNpz(fixture('strings'), { only: ['x'] }).get('x')!.dtype).toBe('uint8');
  });
});

describe('writing', () => {
  test.each([0, 6] as const)('round trip of every dtype, level %i', (level) => {
    const bytes = encodeNpz(samples, { level });
    expect(Object.fromEntries(decodeNpz(bytes))).toEqual(samples);
    expect(encodeNpz(samples, { level })).toEqual(bytes);
  });

  test('any shape and view', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 6 }), fc.nat(3), (shape, skip) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const data = Float32Array.from({ length: size + skip }, (_, i) => i).subarray(skip);
        const bytes = encodeNpy({ dtype: 'float32', shape, data });
        expect(decodeNpy(bytes)).toEqual({ dtype: 'float32', shape, data });
        expect((bytes.length - data.byteLength) % 64).toBe(0);
      }),
    );
  });

  test('what NumPy lacks, or does not fit, is refused', () => {
    expect(() => encodeNpz({ x: { dtype: 'string', shape: [1], data: ['a'] } })).toThrow(
      /E_UNSUPPORTED: array "x".*string/,
    );
    expect(() => encodeNpz({ x: { dtype: 'bfloat16', shape: [1], data: new Uint16Array(1) } })).toThrow(
      /E_UNSUPPORTED/,
    );
    expect(() => encodeNpz({ x: { dtype: 'float32', shape: [2, 2], data: new Float32Array(3) } })).toThrow(
      /E_SHAPE.*3 numbers.*expected 4/,
    );
    expect(() => encodeNpz({ x: { dtype: 'int32', shape: [1], data: new Float64Array(1) } })).toThrow(
      /E_SHAPE/,
    );
  });
});

describe('hostile .npy', () => {
  const good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  const two = Uint8Array.of(1, 2);

  test('other spellings of a good header are read', () => {
    for (const header of [
      good,
      '{"shape":(2,),"descr":"|u1","fortran_order":False}',
      "{ 'fortran_order' : True ,'descr': '<u1' , 'shape': ( 2 ) }   \n",
    ]) {
      expect(decodeNpy(npy(header, two)).data).toEqual(two);
    }
    expect(decodeNpy(npy(good, two, 2)).data).toEqual(two);
    expect(decodeNpy(npy(good, two, 3)).data).toEqual(two);
  });

  test.each([
    ['', /header/],
    ['{}', /without descr/],
    ["{'descr': '|u1', 'fortran_order': False}", /without descr/],
    [good.replace('False', '__import__("os")'), /does not parse/],
    [good.replace('False', "'False'"), /without descr/],
    [good.replace('(2,)', 'True'), /without descr/],
    [good.replace('(2,)', '(-2,)'), /does not parse/],
    [good.replace('(2,)', '(2,,)'), /shape/],
    [good.replace('(2,)', '(9007199254740993,)'), /shape/],
    [good.replace('(2,)', `(${'9'.repeat(400)},)`), /shape/],
    [good.replace('(2,)', '(3000000000, 3000000000)'), /2 bytes of data where/],
    [good.replace('(2,)', '(3,)'), /needs 3/],
    [good.replace('(2,)', `(${'1,'.repeat(65)}2)`), /66 dimensions/],
    [good.replace(' }', "'descr': '|u1'}"), /does not parse/],
    [`${good}x`, /does not parse/],
    ["{'descr': '|u1'", /does not parse/],
    [' '.repeat(10_001), /header of 10001 bytes/],
  ])('header %#: %j', (header, message) => {
    expect(() => decodeNpy(npy(header, two))).toThrow(TouchstoneError);
    expect(() => decodeNpy(npy(header, two))).toThrow(message);
  });

  test.each(['|O', '<U3', '<M8[s]', '<f3', 'f4', '', '<', '<V8', '<b'])('dtype %j', (descr) => {
    expect(() => decodeNpy(npy(good.replace('|u1', descr), two))).toThrow(/E_UNSUPPORTED.*dtype/);
  });

  test('versions and headers that go on', () => {
    expect(() => decodeNpy(npy(good, two, 4))).toThrow(/version 4/);
    const bytes = npy(good, two, 2);
    bytes[11] = 255;
    expect(() => decodeNpy(bytes)).toThrow(/header of \d+ bytes/);
  });
});

describe('hostile .npz', () => {
  const member = encodeNpy({ dtype: 'float32', shape: [1000], data: new Float32Array(1000).fill(0.5) });

  test('declared sizes are checked before anything is unpacked', () => {
    const bytes = zipSync({ 'x.npy': member });
    expect(() => decodeNpz(bytes, { maxBytes: 4000 })).toThrow(
      /E_RANGE.*unpacks to 4128 bytes.*at most 4000/,
    );
    const at = bytes.length - 22 - (46 + 5) + 24; // the size in the central directory
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(at, true)).toBe(member.length);
    view.setUint32(at, 2 ** 31 - 1, true);
    expect(() => decodeNpz(bytes)).toThrow(/impossible size/);
    view.setUint32(at, member.length - 1, true); // a stream that unpacks to more than it says
    expect(() => decodeNpz(bytes)).toThrow(/another size than declared/);
  });

  test('duplicate names', () => {
    const bytes = zipSync({ 'a.npy': member, 'b.npy': member }, { level: 0 });
    const text = new TextDecoder('latin1').decode(bytes);
    bytes[text.lastIndexOf('b.npy')] = 'a'.charCodeAt(0);
    expect(() => decodeNpz(bytes)).toThrow(/two members named "a.npy"/);
  });

  test('a flipped bit in the data is noticed', () => {
    const bytes = encodeNpz({ x: { dtype: 'uint8', shape: [4], data: Uint8Array.of(1, 2, 3, 4) } });
    bytes[30 + 5 + 128 + 2]! ^= 1;
    expect(() => decodeNpz(bytes)).toThrow(/CRC-32/);
  });

  test('no ZIP, an empty ZIP, and unknown methods', () => {
    expect(() => decodeNpz(new Uint8Array())).toThrow(/no ZIP directory/);
    expect(() => decodeNpz(new TextEncoder().encode('<html>'.repeat(100)))).toThrow(/no ZIP directory/);
    expect(decodeNpz(zipSync({})).size).toBe(0);
  });

  test('truncation and flipped bytes throw TouchstoneError or nothing', () => {
    const files = [
      zipSync({ 'x.npy': member, 'y.npy': member }),
      encodeNpz({ x: samples.int64!, y: samples.float32! }),
    ];
    const survives = (bytes: Uint8Array): void => {
      try {
        decodeNpz(bytes, { maxBytes: 2 ** 20 });
      } catch (error) {
        expect(error).toBeInstanceOf(TouchstoneError);
      }
    };
    for (const file of files) {
      for (let end = 0; end < file.length; end++) survives(file.subarray(0, end));
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
          (flips) => {
            const copy = file.slice();
            for (const [at, value] of flips) copy[at] = value;
            survives(copy);
          },
        ),
        { numRuns: 2000 },
      );
    }
    // the same under a CRC that fits: the .npy parser alone
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(130), fc.nat(255)), { maxLength: 5 }),
        fc.nat(member.length),
        (flips, end) => {
          const copy = member.slice();
          for (const [at, value] of flips) copy[at] = value;
          survives(zipSync({ 'x.npy': copy.subarray(0, end) }, { level: 0 }));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
