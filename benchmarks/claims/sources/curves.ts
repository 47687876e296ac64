/** `bench curves`: runs that the papers' figures are drawn of. Claims of tables are not judged by them. */
import { curvesRecord } from '../../curves/record.ts';
import { originOf, source } from './source.ts';

export const curvesSource = source(
  'curves',
  ({ benchmark }) => benchmark === 'curves',
  curvesRecord,
  (record, path) => ({ curves: [{ origin: originOf(path, record.machine), record }] }),
);
