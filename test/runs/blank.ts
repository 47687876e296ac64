import { type DataSet, dataSet } from '../../src/data/index.ts';

/** A hundred black images of ten classes: data that fits a recipe. */
export const blank = (shape: DataSet['shape']): DataSet =>
  dataSet({
    name: 'blank',
    split: 'train',
    images: new Uint8Array(100 * shape[0] * shape[1] * shape[2]),
    labels: Int32Array.from({ length: 100 }, (_, i) => i % 10),
    shape,
    sourceLayout: 'nchw',
    classes: 10,
  });
