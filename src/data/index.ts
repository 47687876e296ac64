export { type AugmentOptions, augment } from './augment.ts';
export { type BatchesOptions, batches } from './batches.ts';
export {
  type Batch,
  batch,
  checkLabels,
  type DataSet,
  dataSet,
  firstImages,
  type Layout,
  limit,
  type Split,
  subset,
} from './dataset.ts';
export { mnistSha256 } from './mnist.ts';
export { checkPixels, decodeDataSet, loadNpz, type NpzOptions } from './npz.ts';
export { type DataSource, dataSources, type LoadOptions, loadData } from './sources.ts';
