import { uniform } from '../../random/index.ts';
import { type Images, imageSize } from '../images.ts';
import { surelyAbove } from './chance.ts';
import { type CheckSpec, type Evidence, percent } from './check.ts';
import { type Difference, differenceOf, scoresOf } from './scores.ts';

/** Of a thousand images, one on the edge between two classes may change by rounding. */
const TOLERATED = 0.001;

/** What an image is predicted to be depends on it alone, not on the images beside it, nor on how many there are. */
export const batchComposition: CheckSpec = {
  id: 'batch-composition',
  title: 'A prediction does not depend on the batch',
  async run(evidence) {
    const { oracle, x, maxBatch } = evidence;
    const n = x.shape[0]!;
    if (n === 0 || maxBatch < 2) return undefined;
    const among = await scoresOf(oracle, x, maxBatch);
    // Of a model that draws lots nothing can be said here.
    if (differenceOf(among, await scoresOf(oracle, x, maxBatch), n).rows > 0) return undefined;
    const found: Record<string, Difference> = {};
    for (const [name, scores] of Object.entries(await inCompany(evidence)))
      found[name] = differenceOf(among, scores, n);
    const worst = Object.values(found).reduce((a, b) =>
      b.labels > a.labels || (b.labels === a.labels && b.rows > a.rows) ? b : a,
    );
    const figures = Object.fromEntries(Object.entries(found).map(([name, { labels }]) => [name, labels]));
    return {
      verdict: surelyAbove(worst.labels, n, TOLERATED)
        ? 'fail'
        : worst.rows > 0 || worst.labels > 0
          ? 'warn'
          : 'pass',
      figures: { samples: n, ...figures, scoresChanged: worst.rows, largestChange: worst.largest },
      message:
        worst.labels > 0
          ? `${worst.labels} of ${n} predictions (${percent(worst.labels / n)}) change with the images beside them: the model sees its batch.`
          : worst.rows > 0
            ? `The scores of ${worst.rows} of ${n} images change with the images beside them, their predictions do not.`
            : `${n} images are predicted the same alone, in pairs, and beside black, white and noisy images.`,
    };
  },
};

/** The scores of the images alone, in small batches, and each beside images of another kind. */
async function inCompany({ oracle, x, maxBatch, key }: Evidence): Promise<Record<string, Float32Array>> {
  const size = imageSize(x);
  const beside = (company: Float32Array) => scoresBeside(oracle, x, company, maxBatch);
  return {
    alone: await scoresOf(oracle, x, 1),
    inPairs: await scoresOf(oracle, x, 2),
    besideBlack: await beside(new Float32Array(size)),
    besideWhite: await beside(new Float32Array(size).fill(1)),
    besideNoise: await beside(uniform(key.fold('company'), size, 0, 1)),
  };
}

/** How many strangers each image is put among. */
const STRANGERS = 7;

/** Each image with copies of another one behind it. */
async function scoresBeside(
  oracle: Evidence['oracle'],
  x: Images,
  company: Float32Array,
  maxBatch: number,
): Promise<Float32Array> {
  const [n, size] = [x.shape[0]!, imageSize(x)];
  const together = Math.min(1 + STRANGERS, maxBatch);
  const batch = new Float32Array(together * size);
  for (let i = 1; i < together; i++) batch.set(company, i * size);
  const rows: Float32Array[] = [];
  for (let i = 0; i < n; i++) {
    batch.set(x.data.subarray(i * size, (i + 1) * size));
    const scores = await oracle.predict(batch, [together, ...x.shape.slice(1)]);
    rows.push(scores.slice(0, scores.length / together));
  }
  const all = new Float32Array(n * rows[0]!.length);
  for (const [i, row] of rows.entries()) all.set(row, i * row.length);
  return all;
}
