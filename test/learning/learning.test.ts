/**
 * Every method learns MNIST in two epochs of all images, on both engines, with the settings of
 * benchmarks/methods/settings.ts. About an hour; `npm run test:learning`, with, in the environment:
 *
 *   METHODS=fast,dat  ENGINES=onnxruntime,tensorflow  DEVICE=auto|cpu|cuda  IMAGES=N (the first ones)
 *   RECORD=FILE.json  what came of each run is added to it (benchmarks/records/DATE-learning-mnist/record.json)
 *   RESUME=1          what it has already is not run again, and asserted from there
 */
import { describe, expect, it } from 'vitest';
import { type MethodName, methods } from '../../src/train/index.ts';
import { fallingLoss, type Job, learn } from './learn.ts';
import { openRecord } from './record.ts';

/** Names of the environment, all of which must be known. */
function chosen<T extends string>(variable: string, known: readonly T[]): readonly T[] {
  const given = process.env[variable]?.split(',') ?? known;
  return given.map((name) => {
    const found = known.find((k) => k === name);
    if (!found) throw new Error(`${variable}=${name}, expected some of ${known.join(', ')}`);
    return found;
  });
}

const engines = chosen('ENGINES', ['onnxruntime', 'tensorflow'] as const);
const names = chosen('METHODS', Object.keys(methods) as MethodName[]);
const { RECORD, RESUME, IMAGES, DEVICE = 'auto' } = process.env;
if (IMAGES !== undefined && !(Number(IMAGES) >= 1)) throw new Error(`IMAGES=${IMAGES}, expected a number`);
const record = await openRecord(RECORD);

describe.each(engines)('%s', (engine) => {
  it.each(names)('%s', async (method) => {
    const images = IMAGES === undefined ? {} : { images: Number(IMAGES) };
    const job: Job = { method, engine, device: DEVICE, ...images };
    const kept = RESUME === '1' ? record.find(job) : undefined;
    const learnt = kept ?? (await learn(job));
    if (!kept) await record.add(learnt);

    expect(learnt.epochs).toHaveLength(2);
    const { name, first, last } = fallingLoss(learnt);
    expect(last, `${name} of the last epoch`).toBeLessThan(first);
    const { natural, pgd20 } = learnt.epochs.at(-1)!;
    expect(natural, 'natural accuracy').toBeGreaterThan(0.9);
    if (method !== 'natural') expect(pgd20, 'accuracy under PGD-20').toBeGreaterThan(0.4);
  });
});
