/** What was asked of an audit, as `audit.json` has it: all that its result depends on. */
import { z } from 'zod';
import { type AttackName, attacks } from '../eval/index.ts';
import { packageVersion, tool } from '../io/index.ts';
import type { Job } from './audit-job.ts';

const text = z.string().max(200);
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lowercase hexadecimal digits');
const numbers = z.array(z.number()).max(64);
const names = Object.keys(attacks) as [AttackName, ...AttackName[]];

/** The shards of one audit have this in common. Not the threads: they share out the work and change no digit. */
export const sharedRequest = z.strictObject({
  schema: z.literal('touchstone-audit/1'),
  version: text,
  model: hash,
  data: z.strictObject({ name: text, split: text, sha256: hash }),
  threat: z.strictObject({ norm: z.enum(['linf', 'l2', 'l1']), epsilon: z.number().positive() }),
  stages: z
    .array(
      z.strictObject({
        attack: z.enum(names),
        parameters: z.record(z.string().max(40), z.number()),
        survivors: z.boolean().exactOptional(),
        eot: z.int().positive().exactOptional(),
      }),
    )
    .min(1)
    .max(64),
  curve: numbers,
  images: z.int().positive(),
  chunkSize: z.int().positive(),
  seed: z.int().nonnegative(),
  preprocessing: z.strictObject({ mean: numbers, std: numbers }).nullable(),
  output: text.nullable(),
  engine: z.strictObject({
    name: z.enum(['onnxruntime', 'tensorflow']),
    device: z.enum(['cpu', 'cuda']),
    versions: z.record(text, text),
  }),
  /** The version that verifies, whichever engine attacks. */
  onnxruntime: text,
});

export type SharedRequest = z.infer<typeof sharedRequest>;

/** Another run of the same may go on where this one stopped. */
export function requestOf({ options, data, opened, plan, images, chunkSize }: Job) {
  const { engine, threat, seed, preprocessing, output } = options;
  return {
    schema: 'touchstone-audit/1' as const,
    version: tool().version,
    model: opened.file.sha256,
    data: { name: data.name, split: data.split, sha256: data.sha256 },
    threat,
    stages: plan.stages,
    curve: plan.curve,
    images,
    chunkSize,
    seed,
    preprocessing: preprocessing ?? null,
    output: output ?? null,
    engine: { name: engine.name, device: engine.device, threads: engine.threads, versions: engine.versions },
  };
}

export function sharedRequestOf(job: Job) {
  const { engine, ...request } = requestOf(job);
  const { threads: _, ...common } = engine;
  return { ...request, engine: common, onnxruntime: packageVersion('onnxruntime-node') };
}

/** How a person calls a field of a request, by its path. */
const called = (path: string): string => {
  const [top] = path.split('.');
  if (top === 'version') return 'version of touchstone';
  if (path === 'onnxruntime') return 'version of onnxruntime';
  if (path.startsWith('engine.versions.')) return `version of ${path.slice('engine.versions.'.length)}`;
  if (top === 'data' || top === 'threat' || top === 'engine') return path.replaceAll('.', ' ');
  const known: Readonly<Record<string, string>> = {
    images: 'number of images',
    chunkSize: 'chunk size',
    stages: 'list of attacks',
  };
  return path.startsWith('stages.')
    ? path.replace('stages.', 'attack ').replaceAll('.', ' ')
    : (known[path] ?? path);
};

/** A value in a line of text: hashes and lists cut short, nothing that steers a terminal. */
const shown = (value: unknown): string => {
  const name = (item: unknown): string =>
    typeof item === 'object' && item !== null && 'attack' in item
      ? String(item.attack)
      : JSON.stringify(item);
  const text = Array.isArray(value) ? value.map(name).join(', ') : JSON.stringify(value);
  const line = typeof value === 'string' ? value : (text ?? 'none');
  const cut = /^[0-9a-f]{64}$/.test(line) ? `${line.slice(0, 12)}…` : line;
  return cut.replace(/[^ -~…]/g, '?').slice(0, 60);
};

export interface Difference {
  readonly name: string;
  readonly a: string;
  readonly b: string;
}

/** Where two requests differ first; undefined where they do not. */
export function difference(a: unknown, b: unknown, path = ''): Difference | undefined {
  if (a === b) return undefined;
  const objects = [a, b].every((v) => typeof v === 'object' && v !== null);
  if (
    !objects ||
    Array.isArray(a) !== Array.isArray(b) ||
    (Array.isArray(a) && a.length !== (b as unknown[]).length)
  )
    return { name: called(path), a: shown(a), b: shown(b) };
  const [left, right] = [new Map(Object.entries(a as object)), new Map(Object.entries(b as object))];
  for (const field of new Set([...left.keys(), ...right.keys()])) {
    const found = difference(left.get(field), right.get(field), path ? `${path}.${field}` : field);
    if (found) return found;
  }
  return undefined;
}
