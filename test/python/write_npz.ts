/** Writes one .npz with every dtype (stored and deflated): `tsx write_npz.ts OUT.npz LEVEL`. Read by test_npz.py. */
import { writeFileSync } from 'node:fs';
import { encodeNpz } from '../../src/io/npz.ts';

const [out, level] = process.argv.slice(2);
const bytes = encodeNpz(
  {
    float32: { dtype: 'float32', shape: [2, 3], data: Float32Array.of(0, 0.1, -1.5, 2 ** -149, 3e38, 1) },
    float64: { dtype: 'float64', shape: [3], data: Float64Array.of(Math.PI, -1e300, 5e-324) },
    float16: { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
    int8: { dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) },
    int16: { dtype: 'int16', shape: [2], data: Int16Array.of(-32768, 32767) },
    int32: { dtype: 'int32', shape: [2, 1], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
    int64: { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
    uint8: { dtype: 'uint8', shape: [1, 1, 2, 2], data: Uint8Array.of(0, 1, 254, 255) },
    uint16: { dtype: 'uint16', shape: [1], data: Uint16Array.of(65535) },
    uint32: { dtype: 'uint32', shape: [1], data: Uint32Array.of(2 ** 32 - 1) },
    uint64: { dtype: 'uint64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
    bool: { dtype: 'bool', shape: [3], data: Uint8Array.of(0, 1, 1) },
    complex64: { dtype: 'complex64', shape: [1], data: Float32Array.of(1, -2) },
    complex128: { dtype: 'complex128', shape: [1], data: Float64Array.of(1, -2) },
    scalar: { dtype: 'float64', shape: [], data: Float64Array.of(7) },
    empty: { dtype: 'float32', shape: [0, 5], data: new Float32Array() },
    'nested/näme': { dtype: 'uint8', shape: [1], data: Uint8Array.of(9) },
  },
  { level: level === '6' ? 6 : 0 },
);
writeFileSync(out!, bytes);
