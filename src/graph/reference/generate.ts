import { attributeDataType } from '../data-types.ts';
import { settled } from './convert.ts';
import { elements, type Kernel } from './kernel.ts';

/** start, start + delta, … before limit. */
export const Range: Kernel = (c) => {
  const [start, limit, delta] = [c.scalar(0), c.scalar(1), c.scalar(2)];
  if (delta === 0) throw c.outside('steps by 0', 'a step that reaches its limit');
  const y = c.make(c.input(0).dtype, [Math.max(0, Math.ceil((limit - start) / delta))]);
  for (let i = 0; i < y.data.length; i++) y.data[i] = start + i * delta;
  return [y];
};

export const EyeLike: Kernel = (c) => {
  const x = c.input(0, 2);
  const k = c.int('k', 0);
  const y = c.make(c.node.attributes.has('dtype') ? attributeDataType(c.node, 'dtype') : x.dtype, x.shape);
  const [rows, columns] = x.shape as [number, number];
  for (let i = 0; i < rows; i++) if (i + k >= 0 && i + k < columns) y.data[i * columns + i + k] = 1;
  return [y];
};

/** values[1] where an index points, values[0] elsewhere; an index beyond `depth` points nowhere. */
export const OneHot: Kernel = (c) => {
  const [at, values] = [c.input(0), c.input(2, 1)];
  const depth = Math.trunc(c.scalar(1));
  const [off, on] = values.data;
  if (off === undefined || on === undefined) throw c.misfit('has too few values', 'two: off and on');
  const axis = c.axis(c.int('axis', -1), at.shape.length + 1);
  const y = c.make(values.dtype, [...at.shape.slice(0, axis), depth, ...at.shape.slice(axis)]);
  y.data.fill(off);
  const inner = elements(at.shape.slice(axis));
  for (let i = 0; i < at.data.length; i++) {
    const index = Math.trunc(at.data[i]!);
    const k = index < 0 ? index + depth : index;
    if (k >= 0 && k < depth) y.data[(Math.floor(i / inner) * depth + k) * inner + (i % inner)] = on;
  }
  return [settled(y)];
};

/** Drawing numbers: what is random has no truth to compare with. */
export const random: Kernel = (c) => {
  throw c.unsupported('is random', 'an operator with one answer');
};

/** The identity; its mask, where one is asked for, keeps everything. */
export const Dropout: Kernel = (c) => {
  if (c.scalar(2, 0) !== 0 && c.scalar(1, 0.5) !== 0)
    throw c.unsupported('drops at random (training mode)', 'inference');
  const x = c.input(0);
  const mask = c.make('bool', x.shape);
  mask.data.fill(1);
  return [x, mask];
};
