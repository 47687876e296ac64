import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DataSet, loadData, subset } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { encodeNpz, readModelFile, sha256, writeFileAtomic } from '../../src/io/index.ts';
import { parseResult } from '../../src/report/index.ts';
import { trainingOf } from '../../src/runs/provenance.ts';
import { resolveRecipe, withRecipe } from '../../src/runs/run-options.ts';
import { type RunControls, type RunOptions, readRun, resumeRun, startRun } from '../../src/runs/train-run.ts';
import { recipes } from '../../src/train/index.ts';
import { fixtureResult } from '../fixtures/result.ts';
import { blank } from './blank.ts';
import { checkpointOf, jsonLines, outcomeOf, stateOf } from './files.ts';

let home: string;
let small: string;
let options: RunOptions;
let count = 0;
const fresh = () => join(home, `run-${count++}`);

/** A data set as a .npz file. */
async function saved(data: DataSet, path: string): Promise<string> {
  const { images, labels, n, shape } = data;
  await writeFileAtomic(
    path,
    encodeNpz({
      x: { dtype: 'uint8', shape: [n, ...shape], data: images },
      y: { dtype: 'int32', shape: [n], data: labels },
    }),
  );
  return path;
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchstone-run-'));
  const mnist = await loadData('mnist', 'train', { limit: 200 });
  small = await saved(mnist, join(home, 'small.npz'));
  options = {
    method: 'gaat',
    model: 'mnist-cnn',
    data: small,
    epochs: 3,
    batchSize: 32,
    learningRate: 0.05,
    validationSteps: 2,
    threads: 1,
    seed: 3,
  };
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Controls that stop after so many mini-batches. */
function stoppingAfter(batches: number): RunControls {
  const stop = new AbortController();
  let seen = 0;
  return {
    signal: stop.signal,
    onProgress() {
      if (++seen === batches) stop.abort();
    },
  };
}

describe('a run folder', () => {
  it('holds the recipe, a line per epoch, a checkpoint and the state', async () => {
    const out = fresh();
    const outcome = await startRun({ ...options, out });
    expect(outcome).toMatchObject({ end: 'finished', dir: out, checkpoint: join(out, 'checkpoint.onnx') });
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.onnx',
      'history.jsonl',
      'run.json',
      'state.npz',
    ]);

    const run = JSON.parse(await readFile(join(out, 'run.json'), 'utf8'));
    expect(run.recipe).toMatchObject({
      method: 'gaat',
      epsilon: 0.1,
      steps: 100,
      stepSize: 0.01,
      validation: 20,
      seed: 3,
    });
    expect(run.data.sha256).toBe((await loadData(small, 'train')).sha256);
    expect(run.engine).toMatchObject({ name: 'onnxruntime', threads: 1 });

    expect(await jsonLines(out)).toEqual(outcome.history);
    const { metadata, graph } = await checkpointOf(out);
    expect(Object.fromEntries(metadata)).toMatchObject({
      'touchstone.method': 'gaat',
      'touchstone.epoch': '3',
      'touchstone.seed': '3',
      'touchstone.data.sha256': run.data.sha256,
    });
    const { state } = await stateOf(out);
    for (const [name, tensor] of state.parameters)
      expect(graph.initializers.get(name)!.data).toEqual(tensor.data);
  });

  it('is read for export, with a training record that the report takes', async () => {
    const out = fresh();
    await startRun({ ...options, out });
    const record = await readRun(out);
    expect(record.recipe.method).toBe('gaat');
    expect(record.history).toHaveLength(3);
    expect(record.model.outputs.map((o) => o.name)).toEqual(['logits']);
    const training = trainingOf((await readModelFile(record.checkpoint)).model);
    expect(training).toMatchObject({ method: 'gaat', epochs: [{ epoch: 1 }, { epoch: 2 }, { epoch: 3 }] });
    expect(() => parseResult({ ...fixtureResult(), training })).not.toThrow();
  });

  it('bakes the normalisation into the model, whose input stays in [0, 1]', async () => {
    const out = fresh();
    await startRun({ ...options, epochs: 1, mean: [0.1307], std: [0.3081], out });
    const { model } = await readRun(out);
    expect(model.nodes.slice(0, 2).map((n) => n.op)).toEqual(['Sub', 'Div']);
    const names = Object.keys((await outcomeOf(out)).parameters);
    expect(names).toHaveLength(8); // the mean and the deviation are not trained
  });

  it('with early stopping keeps the most robust epoch as the checkpoint', async () => {
    const out = fresh();
    const { history } = await startRun({ ...options, epochs: 4, earlyStop: 4, out });
    const { best, checkpoint } = await outcomeOf(out);
    expect(best!.robustAccuracy).toBe(Math.max(...history.map((r) => r.validationRobustAccuracy!)));
    expect((await checkpointOf(out)).metadata.get('touchstone.epoch')).toBe(`${best!.epoch}`);
    expect(checkpoint).toMatchObject(best!.parameters);
  });
});

describe('resuming', () => {
  let expected: Awaited<ReturnType<typeof outcomeOf>>;
  const augmented = () => ({ ...options, augment: true, start: 'random', bnMode: 'train' });
  beforeAll(async () => {
    const out = fresh();
    await startRun({ ...augmented(), out });
    expected = await outcomeOf(out);
  });

  // 180 images by 32: 6 mini-batches an epoch.
  it.each([[1], [6], [8], [12], [2, 3, 5]])('after %j mini-batches gives the same run', async (...stops) => {
    const out = fresh();
    const [first, ...more] = stops.flat();
    expect((await startRun({ ...augmented(), out }, stoppingAfter(first!))).end).toBe('interrupted');
    for (const stop of more) expect((await resumeRun(out, stoppingAfter(stop))).end).toBe('interrupted');
    const last = await resumeRun(out);
    expect(last.end).toBe('finished');
    expect(last.history).toHaveLength(3);
    expect(await outcomeOf(out)).toEqual(expected);
    expect(await jsonLines(out)).toHaveLength(3);
  });

  it('interrupted before the first mini-batch has no checkpoint, and goes on', async () => {
    const out = fresh();
    expect((await startRun({ ...augmented(), out }, { signal: AbortSignal.abort() })).end).toBe(
      'interrupted',
    );
    expect((await resumeRun(out, { signal: AbortSignal.abort() })).end).toBe('interrupted');
    expect((await readdir(out)).sort()).toEqual(['run.json', 'state.npz']);
    await resumeRun(out);
    expect(await outcomeOf(out)).toEqual(expected);
  });

  it('starts over where no epoch was over, and leaves a finished run as it is', async () => {
    const out = fresh();
    await startRun({ ...augmented(), out });
    await rm(join(out, 'state.npz'));
    await resumeRun(out);
    expect(await outcomeOf(out)).toEqual(expected);
    const before = sha256(await readFile(join(out, 'checkpoint.onnx')));
    expect((await resumeRun(out)).end).toBe('finished');
    expect(sha256(await readFile(join(out, 'checkpoint.onnx')))).toBe(before);
  });

  it('makes the views again where a process was killed before it wrote them, and sweeps up', async () => {
    const out = fresh();
    await startRun({ ...augmented(), out });
    const lines = await jsonLines(out);
    await writeFile(join(out, 'history.jsonl'), `${JSON.stringify(lines[0])}\n`);
    await rm(join(out, 'checkpoint.onnx'));
    await writeFile(join(out, '.state.npz.0123456789ab.tmp'), 'half');
    await resumeRun(out);
    expect(await jsonLines(out)).toEqual(lines);
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.onnx',
      'history.jsonl',
      'run.json',
      'state.npz',
    ]);
    expect(await outcomeOf(out)).toEqual(expected);
  });

  it('refuses other data, and finds data that has moved', async () => {
    const out = fresh();
    const place = await saved(await loadData(small, 'train'), join(home, 'moved.npz'));
    await startRun({ ...augmented(), data: place, out }, stoppingAfter(7));
    const fewer = subset(await loadData(small, 'train'), [...Array(150).keys()]);
    await saved(fewer, place);
    await expect(resumeRun(out)).rejects.toThrow(/^E_DATA: the data has SHA-256 .*with which the run began/);
    await resumeRun(out, { data: small });
    expect((await outcomeOf(out)).parameters).toEqual(expected.parameters);
  });

  it('refuses a run.json that was changed, a damaged state, and a folder without a run', async () => {
    const out = fresh();
    await startRun({ ...options, epochs: 1, out });
    const path = join(out, 'run.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"epochs": 1', '"epochs": 2'));
    await expect(resumeRun(out)).rejects.toThrow(/^E_FILE: .*run\.json was changed after the run began/);
    await writeFile(path, '{"schema": "touchstone-run/1"}');
    await expect(resumeRun(out)).rejects.toThrow(/^E_DATA: .*run\.json is wrong at recipe/);
    await writeFile(path, text);
    const state = await readFile(join(out, 'state.npz'));
    await writeFile(join(out, 'state.npz'), state.subarray(0, state.length / 2));
    await expect(resumeRun(out)).rejects.toThrow(/^E_DATA: .*state\.npz/);
    await expect(resumeRun(join(home, 'nowhere'))).rejects.toThrow(/^E_FILE: no run\.json in/);
  });

  it('tells of other versions', async () => {
    const out = fresh();
    await startRun({ ...options, epochs: 1, out });
    const { onnxruntimeEngine } = await import('../../src/engine/onnxruntime/index.ts');
    const notices: string[] = [];
    await resumeRun(out, {
      openEngine: async () => ({
        ...onnxruntimeEngine({ threads: 1 }),
        versions: { 'onnxruntime-node': '0.0.1' },
      }),
      onNotice: (line) => notices.push(line),
    });
    expect(notices).toEqual([expect.stringMatching(/onnxruntime-node .* now it is 0\.0\.1/)]);
  });
});

describe('a wrong request', () => {
  const cases: [string, RunOptions, RegExp][] = [
    [
      'an unknown method',
      { method: 'magic' },
      /^E_OPTION: unknown method 'magic', expected natural, pgd, gaat/,
    ],
    ['no method', { method: undefined as never }, /^E_OPTION: no method/],
    ['an unknown model', { model: 'vit' }, /^E_OPTION: unknown model 'vit', expected mnist-cnn, resnet18/],
    ['an unknown recipe', { recipe: 'soup' }, /^E_OPTION: unknown recipe 'soup', expected gaat-paper\/mnist/],
    ['an unknown data set', { data: 'nothing' }, /^E_OPTION: data set 'nothing'/],
    [
      'images of another shape',
      { model: 'resnet18' },
      /^E_SHAPE: .*1×28×28, expected 3×32×32.*--model mnist-cnn/,
    ],
    ['labels beyond the classes', { classes: 5 }, /^E_LABELS: got label/],
    ['ε of 0', { epsilon: 0 }, /^E_RANGE: --eps of 0, expected more than 0/],
    ['ε above 1', { epsilon: 8 }, /^E_RANGE: --eps of 8/],
    ['ε that is no number', { epsilon: Number.NaN }, /^E_RANGE/],
    ['no epochs', { epochs: 0 }, /^E_RANGE: --epochs of 0, expected an integer, 1 or more/],
    ['half an epoch', { epochs: 1.5 }, /^E_RANGE/],
    ['too many for validation', { validation: 200 }, /^E_RANGE: 200 of 200 images for validation/],
    [
      'early stopping on nothing',
      { validation: 0, earlyStop: 2 },
      /^E_OPTION: --early-stop without validation/,
    ],
    [
      'a mean without a deviation',
      { mean: [0.5] },
      /^E_OPTION: 1 means and 0 deviations, expected 1 of each/,
    ],
    ['a deviation of 0', { mean: [0.5], std: [0] }, /^E_RANGE: --std of 0/],
    [
      'an unknown schedule',
      { schedule: 'sawtooth' },
      /^E_OPTION: unknown schedule .*flat, multistep, cyclic/,
    ],
    ['an unknown start', { start: 'here' }, /^E_OPTION: --start 'here', expected zero or random/],
    ['an unknown hessian', { hessian: 'full' }, /^E_OPTION: --hessian 'full'/],
    ['a negative rate', { learningRate: -1 }, /^E_RANGE: --lr/],
    [
      'an unknown engine',
      { engine: 'torch' },
      /^E_OPTION: --engine torch, expected auto, onnxruntime, tensorflow/,
    ],
    ['an unknown device', { device: 'tpu' }, /^E_OPTION: --device tpu, expected auto, cpu, cuda/],
  ];
  it.each(cases)('%s fails in a line, and nothing is written', async (_, change, message) => {
    const out = fresh();
    const failure = await startRun({ ...options, ...change, out }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TouchstoneError);
    expect((failure as Error).message).toMatch(message);
    await expect(readdir(out)).rejects.toThrow();
  });

  it('a folder in use is refused, with what to do', async () => {
    const out = fresh();
    await mkdir(out);
    await writeFile(join(out, 'notes.txt'), 'mine');
    await expect(startRun({ ...options, out })).rejects.toThrow(
      /^E_FILE: .* is not empty.*choose another folder$/,
    );
    const run = fresh();
    await startRun({ ...options, epochs: 1, out: run });
    await expect(startRun({ ...options, out: run })).rejects.toThrow(/--resume .*run-/);
    await expect(startRun({ ...options, out: small })).rejects.toThrow(/^E_FILE: .*small\.npz is a file/);
  });

  it('a run that diverges says so, and leaves nothing that could be taken for a model', async () => {
    const out = fresh();
    await expect(startRun({ ...options, learningRate: 1e30, out })).rejects.toThrow(
      /^E_RANGE: the loss is not finite in epoch 1, mini-batch \d+.*pass a smaller --lr/,
    );
    expect(await readdir(out)).toEqual(['run.json']);
    await expect(readRun(out)).rejects.toThrow(/^E_FILE: no checkpoint\.onnx in .* yet/);
  });
});

describe('recipes', () => {
  it.each(Object.entries(recipes))('%s is complete and valid', (recipe, { settings }) => {
    const shape: DataSet['shape'] = settings.model === 'mnist-cnn' ? [1, 28, 28] : [3, 32, 32];
    const resolved = resolveRecipe(withRecipe({ recipe, data: 'blank.npz' }), blank(shape));
    // `free` divides its allowance by its replays; every other method takes all of it.
    const epochs = settings.method === 'free' ? settings.epochs / (settings.replays ?? 1) : settings.epochs;
    expect(resolved).toMatchObject({ ...settings, epochs, recipe, data: 'blank.npz' });
  });

  it('give way to what is set beside them, and not to what is undefined', () => {
    const options = withRecipe({ recipe: 'gaat-paper/mnist', epochs: 5, epsilon: undefined as never });
    expect(options).toMatchObject({ epochs: 5, epsilon: 0.1, steps: 100, stepSize: 0.01, learningRate: 0.1 });
  });
});
