/**
 * An audit under way, in its output folder: `audit.json`, what was asked for, and `parts/NNNNNN.npz`, one per chunk of images,
 * each written atomically when it is whole. The same command goes on from there; when the result is written, both go.
 */
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import { TouchstoneError } from '../errors.ts';
import {
  type AttackName,
  type AuditPlan,
  attacks,
  type ChunkOutcome,
  type ChunkSummary,
  type Stage,
} from '../eval/index.ts';
import { float32, type Tensor } from '../graph/index.ts';
import { decodeNpz, encodeNpz, readFileLimited, sha256, writeFileAtomic } from '../io/index.ts';

export const REQUEST = 'audit.json';
export const PARTS = 'parts';
/** A part is some hundred images. */
const MOST_BYTES = 2 ** 31;

const count = z.int().nonnegative();
const cost = { seconds: z.number().nonnegative(), forwards: count, backwards: count };
const names = Object.keys(attacks) as [AttackName, ...AttackName[]];

/** Everything of a part but its arrays, as UTF-8 JSON in an array of bytes. */
const head = z.object({
  schema: z.literal('touchstone-audit-part/1'),
  request: z.string(),
  index: count,
  n: count,
  stages: z.array(
    z.object({
      attack: z.enum(names),
      parameters: z.record(z.string(), z.number()),
      survivors: z.boolean(),
      attacked: count,
      error: z.string().optional(),
      ...cost,
    }),
  ),
  verification: z.object({
    checked: count,
    rejected: count,
    reasons: z.record(z.string(), count),
    maxDistance: z.number().nonnegative().nullable(),
    tolerance: z.number().nonnegative(),
    batchSizeOneMismatches: count,
    seconds: z.number().nonnegative(),
  }),
  curve: z.array(z.object({ epsilon: z.number().nonnegative(), standing: count, ...cost })),
});

/** An audit's folder. */
export interface AuditFolder {
  readonly dir: string;
  /** SHA-256 of audit.json: a part belongs to the request whose hash it carries. */
  readonly request: string;
}

const textOf = (request: unknown): string => `${JSON.stringify(request, null, 2)}\n`;

const hashOf = (text: string): string => sha256(new TextEncoder().encode(text));

export const requestHash = (request: unknown): string => hashOf(textOf(request));

/**
 * Begins an audit in a folder, or goes on with the same one.
 *
 * @param request all that its result depends on, as plain JSON
 * @throws E_FILE where the folder holds another audit under way
 */
export async function openAuditFolder(dir: string, request: unknown): Promise<AuditFolder> {
  const path = join(dir, REQUEST);
  const text = textOf(request);
  const folder = { dir, request: hashOf(text) };
  if (await fs.pathExists(path)) {
    const had = new TextDecoder().decode(await readFileLimited(path, 2 ** 20));
    if (had === text) return folder;
    throw new TouchstoneError(
      'E_FILE',
      `${dir} holds another audit under way (${differences(had, request)})`,
      'the same model, data, attacks and settings, to go on with it',
      `name another folder with --out, or remove ${path} and ${join(dir, PARTS)}`,
    );
  }
  await fs.remove(join(dir, PARTS));
  await writeFileAtomic(path, text);
  return folder;
}

/** Which fields of two requests differ. */
function differences(had: string, request: unknown): string {
  const fields = (value: unknown) =>
    new Map(Object.entries(value as object).map(([k, v]) => [k, JSON.stringify(v)]));
  try {
    const [a, b] = [fields(JSON.parse(had)), fields(request)];
    const other = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
    return `another ${other.join(', ')}`;
  } catch {
    return `${REQUEST} is damaged`;
  }
}

export const pathOf = ({ dir }: Pick<AuditFolder, 'dir'>, index: number): string =>
  join(dir, PARTS, `${String(index).padStart(6, '0')}.npz`);

const bytesOf = (flags: readonly boolean[]): Uint8Array => Uint8Array.from(flags, Number);

export async function savePart(folder: AuditFolder, outcome: ChunkOutcome): Promise<void> {
  const { index, predicted, predictedAdversarial, robust, adversarial, stages, verification, curve } =
    outcome;
  const n = predicted.length;
  const text = JSON.stringify({
    schema: 'touchstone-audit-part/1',
    request: folder.request,
    index,
    n,
    stages: stages.map(({ broken: _, ...rest }) => rest),
    verification,
    curve,
  });
  const meta = new TextEncoder().encode(text);
  const labels = (data: Int32Array): Tensor => ({ dtype: 'int32', shape: [n], data });
  const broken = bytesOf(stages.flatMap((stage) => stage.broken));
  await writeFileAtomic(
    pathOf(folder, index),
    encodeNpz({
      meta: { dtype: 'uint8', shape: [meta.length], data: meta },
      predicted: labels(predicted),
      predicted_adversarial: labels(predictedAdversarial),
      robust: { dtype: 'uint8', shape: [n], data: bytesOf(robust) },
      broken: { dtype: 'uint8', shape: [stages.length, n], data: broken },
      adversarial: float32(adversarial, [adversarial.length]),
    }),
  );
}

const damaged = (path: string, cause?: unknown): TouchstoneError =>
  new TouchstoneError(
    'E_DATA',
    `${path} is damaged`,
    'as it was written',
    `remove ${path}, and run the audit again: that part is done anew`,
    { cause },
  );

async function arraysOf(
  path: string,
  most: number,
  only?: readonly string[],
): Promise<Map<string, Tensor['data']>> {
  const bytes = await readFileLimited(path, most);
  const arrays = decodeNpz(bytes, { where: path, maxBytes: most, ...(only && { only }) });
  return new Map([...arrays].map(([name, tensor]) => [name, tensor.data]));
}

/** What a chunk's part must hold, whoever wrote it. */
export interface PartShape {
  /** Of its images. */
  readonly labels: Int32Array;
  /** Values of one image. */
  readonly size: number;
  readonly classes: number;
  readonly plan: Pick<AuditPlan, 'stages' | 'threat' | 'curve'>;
}

/** Bytes of a part: its arrays, and as much again for the head of even the longest list of attacks. */
const mostBytes = ({ labels: { length: n }, size, plan }: PartShape): number =>
  Math.min(MOST_BYTES, 2 ** 21 + n * (4 * size + 9 + plan.stages.length));

/**
 * A part that is done already.
 *
 * @returns undefined where it is not
 * @throws E_DATA where it is damaged, or another audit's
 */
export async function loadPart(
  folder: AuditFolder,
  index: number,
  shape: PartShape,
): Promise<ChunkSummary | undefined> {
  const path = pathOf(folder, index);
  if (!(await fs.pathExists(path))) return undefined;
  try {
    const arrays = await arraysOf(path, mostBytes(shape)); // the images, too: better to know now that they are damaged
    const meta = head.parse(JSON.parse(new TextDecoder().decode(arrays.get('meta') as Uint8Array)));
    if (meta.request !== folder.request || meta.index !== index) throw new Error('a part of another audit');
    const flags = (name: string, from: number) =>
      Array.from((arrays.get(name) as Uint8Array).subarray(from, from + meta.n), Boolean);
    const summary = {
      index,
      predicted: arrays.get('predicted') as Int32Array,
      predictedAdversarial: arrays.get('predicted_adversarial') as Int32Array,
      robust: flags('robust', 0),
      stages: meta.stages.map(({ error, ...stage }, s) => ({
        ...stage,
        broken: flags('broken', s * meta.n),
        ...(error !== undefined && { error }),
      })),
      verification: meta.verification,
      curve: meta.curve,
    };
    assertPart(summary, arrays.get('adversarial'), shape);
    return summary;
  } catch (error) {
    throw damaged(path, error);
  }
}

/** Whether what a part says can be. That it is true only its maker can know. */
function assertPart(part: ChunkSummary, adversarial: Tensor['data'] | undefined, shape: PartShape): void {
  const { predicted, predictedAdversarial, robust, stages, curve } = part;
  const { labels, size, classes, plan } = shape;
  const n = labels.length;
  const assert = (holds: boolean, what: string) => {
    if (!holds) throw new Error(what);
  };
  const flags = [robust, ...stages.map((s) => s.broken)];
  assert(
    [predicted, predictedAdversarial, ...flags].every((a) => a.length === n),
    'arrays of other lengths',
  );
  for (const given of [predicted, predictedAdversarial])
    assert(given instanceof Int32Array && given.every((l) => l >= 0 && l < classes), 'labels of no class');
  assert(adversarial instanceof Float32Array && adversarial.length === n * size, 'images of another size');
  // Of an image that stands, the last try may be anything.
  const pixel = (v: number, i: number) => robust[Math.floor(i / size)] || (v >= 0 && v <= 1);
  assert((adversarial as Float32Array).every(pixel), 'pixels outside [0, 1]');
  const planned = (s: Stage, i: number) =>
    s.attack === stages[i]!.attack && (s.survivors ?? false) === stages[i]!.survivors;
  assert(stages.length === plan.stages.length && plan.stages.every(planned), 'other attacks');
  assert(stages.every((s) => s.attacked <= n) && curve.every((p) => p.standing <= n), 'too many images');
  const radii = [0, ...plan.curve].map((multiple) => multiple * plan.threat.epsilon);
  assert(curve.length <= radii.length && curve.every((p, i) => p.epsilon === radii[i]), 'another curve');
  const stands = (i: number) => predicted[i] === labels[i] && !stages.some((s) => s.broken[i]);
  assert(
    robust.every((r, i) => r === stands(i)),
    'images that stand and are broken',
  );
}

/** The adversarial images of a part. */
export async function loadAdversarial(folder: AuditFolder, index: number): Promise<Float32Array> {
  const path = pathOf(folder, index);
  const data = (await arraysOf(path, MOST_BYTES, ['adversarial'])).get('adversarial');
  if (!(data instanceof Float32Array)) throw damaged(path);
  return data;
}

/** When the result stands. */
export async function removeParts({ dir }: AuditFolder): Promise<void> {
  await fs.remove(join(dir, REQUEST));
  await fs.remove(join(dir, PARTS));
}
