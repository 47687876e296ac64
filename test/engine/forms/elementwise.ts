import fc from 'fast-check';
import { type DataType, dataTypeNumber } from '../../../src/graph/index.ts';
import { flag, int, list } from '../../autodiff/generators/sample.ts';
import { drawn, type Forms, NUMBERS, POOL, shapes } from './form.ts';

/** Two shapes that broadcast: axes of size 1, leading ones left out. */
const pair = shapes(0, 4, 3).chain((whole) =>
  fc
    .tuple(int(0, whole.length), list(fc.boolean(), whole.length), fc.boolean())
    .map(([drop, narrow, swap]) => {
      const other = whole.flatMap((d, i) => (i < drop ? [] : [narrow[i] ? 1 : d]));
      return swap ? [other, whole] : [whole, other];
    }),
);

export const two = (types: readonly DataType[]): Forms =>
  fc
    .tuple(pair, fc.constantFrom(...types))
    .chain(([[a, b], dtype]) => fc.tuple(drawn(dtype, a!), drawn(dtype, b!)).map((inputs) => ({ inputs })));

export const one = (types: readonly DataType[], pool = POOL): Forms =>
  fc
    .tuple(shapes(0, 4), fc.constantFrom(...types))
    .chain(([shape, dtype]) => drawn(dtype, shape, pool).map((x) => ({ inputs: [x] })));

export const SPECIAL = [-Infinity, Infinity, Number.NaN, -1, 0, 2.5];

export const isInf: Forms = fc
  .tuple(one(['float32'], SPECIAL), flag, flag)
  .map(([form, detect_negative, detect_positive]) => ({
    ...form,
    attributes: { detect_negative, detect_positive },
  }));

export const mod: Forms = fc
  .tuple(pair, fc.constantFrom<DataType>('float32', 'int32', 'int64', 'int8'), fc.boolean())
  .chain(([[a, b], dtype, f]) =>
    fc
      .tuple(drawn(dtype, a!, [-7, -4, -1, 0, 3, 5]), drawn(dtype, b!, [-3, -2, 2, 3]))
      .map((inputs) => ({ inputs, attributes: { fmod: dtype === 'float32' || f ? 1 : 0 } })),
  );

export const where: Forms = fc
  .tuple(pair, fc.constantFrom<DataType>(...NUMBERS, 'bool'))
  .chain(([[a, b], dtype]) =>
    fc.tuple(drawn('bool', b!), drawn(dtype, a!), drawn(dtype, b!)).map((inputs) => ({ inputs })),
  );

/** float32, bool and the integers that int32 holds; the two it does not are given values that it does. */
const CAST = [
  'float32',
  'bool',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'int64',
  'uint32',
  'uint64',
] as const;
const WIDE = [
  -70000, -40000, -300, -129, -3.7, -1, -0.5, 0, 0.5, 1, 2.9, 100.25, 200, 255, 300, 40000, 70000,
];

export const casts: readonly (readonly [string, Forms])[] = CAST.flatMap((from) =>
  CAST.filter((to) => !to.startsWith('uint') || to === 'uint8' || to === 'uint16').map((to) => {
    const form = one([from], WIDE).map((f) => ({ ...f, attributes: { to: dataTypeNumber(to) } }));
    return [`Cast ${from} to ${to}`, form] as const;
  }),
);
