/** An audit's output folder: whether it may be written to, and what is written. */
import { dirname, join, resolve } from 'node:path';
import fs from 'fs-extra';
import { type DataSet, firstImages } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type AuditFigures, type ModelCard, type Oracle, predictions } from '../eval/index.ts';
import { type Content, type NpzMember, npzStream, writeFilesAtomic } from '../io/index.ts';
import type { ReportExample, Result } from '../report/index.ts';
import { PARTS, REQUEST } from './audit-parts.ts';
import { SHARD } from './shard-record.ts';

/** How many adversarial examples a report shows, and out of how many they are chosen. */
const SHOWN = 12;
const LOOKED_AT = 500;

const OUTPUTS = ['result.json', 'report.html', 'adversarial.npz'];
/** Left by an audit that was stopped: the same one may go on. */
const UNDER_WAY = [REQUEST, PARTS, SHARD];

const sameFolder = async (a: string, b: string): Promise<boolean> =>
  (await fs.realpath(a)) === (await fs.realpath(b));

/**
 * An output folder must not hold another audit's files. A training run's folder, with its model, may be added to, and one with an
 * audit under way gone on with.
 *
 * @param options.shard it is for a shard, which only goes on with a shard
 */
export async function assertFree(
  out: string,
  model?: string,
  { shard = false }: { readonly shard?: boolean } = {},
): Promise<void> {
  if (!(await fs.pathExists(out))) return;
  if (!(await fs.stat(out)).isDirectory())
    throw new TouchstoneError('E_FILE', `${out} is a file`, 'a folder to write to');
  const present = (await fs.readdir(out)).filter((name) => !isLeftover(name));
  if (present.includes(REQUEST) || present.includes(SHARD)) {
    if (present.includes(SHARD) === shard) return;
    throw new TouchstoneError(
      'E_FILE',
      `${out} holds ${shard ? 'an audit under way that is not in shards' : 'a shard of an audit'}`,
      'a new folder',
      'name another with --out, or remove it',
    );
  }
  const beside =
    model !== undefined && (await fs.pathExists(model)) && (await sameFolder(dirname(resolve(model)), out));
  const reserved = [...OUTPUTS, ...UNDER_WAY];
  const inTheWay = beside ? present.filter((name) => reserved.includes(name)) : present;
  if (inTheWay.length > 0)
    throw new TouchstoneError(
      'E_FILE',
      `${out} already holds ${inTheWay.slice(0, 3).join(', ')}`,
      'a new folder',
      'name another with --out, or remove it',
    );
}

/** What a write leaves where the process is killed. */
const isLeftover = (name: string): boolean =>
  /^\.(?:audit\.json|shard\.json|result\.json|report\.html|adversarial\.npz)\.[0-9a-f]+\.tmp$/.test(name);

/** Where the images of an audit are, a chunk at a time. */
export interface Pictures {
  readonly data: DataSet;
  readonly card: ModelCard;
  readonly predictor: Oracle;
  readonly chunkSize: number;
  /** The adversarial images of a chunk. */
  adversarial(chunk: number): Promise<Float32Array>;
}

/** Writes result.json, report.html and adversarial.npz: all or none. */
export async function writeAudit(
  out: string,
  result: Result,
  figures: AuditFigures,
  pictures: Pictures,
): Promise<void> {
  const { classNames } = pictures.data;
  const { renderReport } = await import('../report/index.ts');
  const html = renderReport(result, {
    examples: await examples(figures, pictures),
    ...(classNames ? { classNames } : {}),
  });
  for (const name of await fs.readdir(out).catch(() => []))
    if (isLeftover(name)) await fs.remove(join(out, name));
  await writeFilesAtomic(
    new Map<string, Content>([
      [join(out, 'result.json'), `${JSON.stringify(result, null, 2)}\n`],
      [join(out, 'report.html'), html],
      [join(out, 'adversarial.npz'), npzStream(arraysOf(figures, pictures))],
    ]),
  );
}

/** The members of adversarial.npz. */
function arraysOf(
  figures: AuditFigures,
  { data, chunkSize, adversarial }: Pictures,
): Record<string, NpzMember> {
  const { n, predicted, predictedAdversarial } = figures;
  const chunks = Array.from({ length: Math.ceil(n / chunkSize) }, (_, i) => i);
  const integers = (values: ArrayLike<number>): NpzMember => ({
    dtype: 'int64',
    shape: [n],
    parts: () => [BigInt64Array.from(Array.from(values, BigInt))],
  });
  const images = (of: (chunk: number) => Promise<Float32Array> | Float32Array): NpzMember => ({
    dtype: 'float32',
    shape: [n, ...data.shape],
    async *parts() {
      for (const chunk of chunks) yield await of(chunk);
    },
  });
  const clean = (chunk: number) =>
    firstImages(data, Math.min(chunkSize, n - chunk * chunkSize), chunk * chunkSize);
  return {
    x: images((chunk) => clean(chunk).x),
    x_adv: images(adversarial),
    y: integers(data.labels.subarray(0, n)),
    pred: integers(predicted),
    pred_adv: integers(predictedAdversarial),
    index: integers(Array.from({ length: n }, (_, i) => i)),
  };
}

/** The broken images that the model is surest about: what a reader should see first. */
async function examples(figures: AuditFigures, pictures: Pictures): Promise<ReportExample[]> {
  const { data, chunkSize } = pictures;
  const size = data.shape[0] * data.shape[1] * data.shape[2];
  const { robust, predicted, predictedAdversarial } = figures;
  const broken = robust.flatMap((stands, i) => (!stands && predicted[i] === data.labels[i] ? [i] : []));
  const rated: ReportExample[] = [];
  let chunk = -1;
  let found = new Float32Array();
  for (const i of broken.slice(0, LOOKED_AT)) {
    const at = Math.floor(i / chunkSize);
    if (at !== chunk) {
      chunk = at;
      found = Float32Array.from(await pictures.adversarial(at));
    }
    const clean = firstImages(data, 1, i).x;
    const adversarial = found.slice((i - at * chunkSize) * size, (i - at * chunkSize + 1) * size);
    rated.push({
      index: i,
      label: data.labels[i]!,
      predicted: predicted[i]!,
      adversarialPredicted: predictedAdversarial[i]!,
      cleanConfidence: await confidence(pictures, clean),
      adversarialConfidence: await confidence(pictures, adversarial),
      clean,
      adversarial,
      shape: data.shape,
    });
  }
  return rated
    .sort((a, b) => (b.adversarialConfidence ?? 0) - (a.adversarialConfidence ?? 0))
    .slice(0, SHOWN);
}

/** The probability of the class that the model names. */
async function confidence({ data, card, predictor }: Pictures, image: Float32Array): Promise<number> {
  const scores = await predictor.predict(image, [1, ...data.shape]);
  const [top] = predictions(scores, card.classes);
  if (card.outputKind === 'probabilities') return scores[top!]!;
  let total = 0;
  for (const s of scores) total += Math.exp(s - scores[top!]!);
  return 1 / total;
}
