import { copyFile, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DataSet, firstImages, loadData } from '../../src/data/index.ts';
import { filePredictor, onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { engineClassifier, inspect } from '../../src/eval/index.ts';
import { type Graph, type Model, type Node, writeModel } from '../../src/graph/index.ts';
import { encodeNpz, readModelFile, writeFileAtomic } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import { exportRun } from '../../src/runs/export-run.ts';
import { apart } from '../../src/runs/initial-model.ts';
import { type RunControls, type RunOptions, resumeRun, startRun } from '../../src/runs/train-run.ts';
import { validate } from '../../src/train/validate.ts';
import { bits, checkpointOf, outcomeOf } from './files.ts';

/** From PyTorch, naturally trained, with its normalisations: test/fixtures/make_classifier.py. */
const FIXTURE = fileURLToPath(new URL('../fixtures/models/batch-norm.onnx', import.meta.url));
const STATISTICS = ['bn1.running_mean', 'bn1.running_var', 'bn2.running_mean', 'bn2.running_var'];

let home: string;
let data: string;
let held: DataSet;
let fixture: Model;
let options: RunOptions;
let count = 0;
const fresh = () => join(home, `run-${count++}`);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchstone-init-'));
  data = join(home, 'small.npz');
  const { images, labels, n, shape } = await loadData('mnist', 'train', { limit: 1000 });
  await writeFileAtomic(
    data,
    encodeNpz({
      x: { dtype: 'uint8', shape: [n, ...shape], data: images },
      y: { dtype: 'int32', shape: [n], data: labels },
    }),
  );
  held = await loadData('mnist', 'test', { limit: 200 });
  fixture = (await readModelFile(FIXTURE)).model;
  options = {
    method: 'pgd',
    init: FIXTURE,
    data,
    epochs: 1,
    steps: 5,
    stepSize: 0.03,
    batchSize: 32,
    learningRate: 0.02,
    validation: 40,
    validationSteps: 2,
    threads: 1,
    seed: 3,
    engine: 'onnxruntime',
  };
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Accuracy, natural and under PGD-20 at ε = 0.1, on test images. */
async function accuracyOf(path: string) {
  const { graph } = inspect((await readModelFile(path)).model);
  const engine = onnxruntimeEngine({ threads: 1 });
  try {
    const { x, y, shape } = firstImages(held);
    const classifier = engineClassifier(engine, graph, { classes: 10 });
    const threat = { norm: 'linf', epsilon: 0.1 } as const;
    return (await validate({ x: { data: x, shape }, y, classifier, threat, steps: 20, key: key(0) }))!;
  } finally {
    await engine.close();
  }
}

/** The fixture as a file of its own, changed. */
async function variant(change: (graph: Graph) => Partial<Graph>): Promise<string> {
  const path = join(home, `variant-${count++}.onnx`);
  const { graph } = fixture;
  await writeFile(path, writeModel({ ...fixture, graph: { ...graph, ...change(graph) } }));
  return path;
}
const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Node['attributes'] = new Map(),
): Node => ({
  op,
  domain: '',
  name: outputs[0]!,
  inputs,
  outputs,
  attributes,
});

describe('fine-tuning a PyTorch file', () => {
  let out: string;
  beforeAll(async () => {
    out = fresh();
    await startRun({ ...options, out });
  });

  it('makes it robust', async () => {
    const [before, after] = [await accuracyOf(FIXTURE), await accuracyOf(join(out, 'checkpoint.onnx'))];
    expect(before.accuracy).toBeGreaterThan(0.9);
    expect(after.accuracy).toBeGreaterThan(0.85);
    expect(after.robustAccuracy).toBeGreaterThan(before.robustAccuracy + 0.3);
  });

  it('writes the file back: its nodes, names and version, other weights and statistics', async () => {
    const { graph, opsets, doc, producerName, metadata } = await checkpointOf(out);
    expect(graph.nodes).toEqual(fixture.graph.nodes);
    expect(graph.inputs).toEqual(fixture.graph.inputs);
    expect(graph.outputs).toEqual(fixture.graph.outputs);
    expect([opsets, doc, producerName]).toEqual([fixture.opsets, 'kept', 'pytorch']);
    expect([...graph.initializers.keys()]).toEqual([...fixture.graph.initializers.keys()]);
    const [then, now] = [bits(fixture.graph.initializers), bits(graph.initializers)];
    for (const [name, { shape }] of fixture.graph.initializers) {
      expect(graph.initializers.get(name)!.shape, name).toEqual(shape);
      expect(now[name], name).not.toBe(then[name]);
    }
    for (const name of STATISTICS) expect(now).toHaveProperty([name]);
    expect(metadata.get('touchstone.method')).toBe('pgd');
    expect(JSON.parse(metadata.get('touchstone.recipe')!)).toMatchObject({ model: 'batch-norm.onnx' });
  });

  it('keeps a copy of the file that it began with, and exports with a proof', async () => {
    expect((await readdir(out)).sort()).toEqual([
      'checkpoint.onnx',
      'history.jsonl',
      'init.onnx',
      'run.json',
      'state.npz',
    ]);
    const { model } = await readModelFile(join(out, 'init.onnx'));
    expect(bits(model.graph.initializers)).toEqual(bits(fixture.graph.initializers));
    const engine = onnxruntimeEngine({ threads: 1 });
    const file = join(home, 'exported.onnx');
    expect((await exportRun({ dir: out, out: file, data: 'mnist', engine })).ok).toBe(true);
    await engine.close();
    const { x, shape } = firstImages(held, 20);
    const [checkpoint, exported] = await Promise.all(
      [join(out, 'checkpoint.onnx'), file].map(async (path) => {
        const predictor = await filePredictor(path, { threads: 1 });
        const scores = await predictor.predict(x, shape);
        await predictor.close();
        return scores;
      }),
    );
    for (const [i, z] of exported!.entries()) expect(Math.abs(z - checkpoint![i]!)).toBeLessThan(1e-3);
  });
});

describe('other forms of the file', () => {
  const short = () => ({ ...options, limit: 200, epochs: 1, steps: 2 });

  it('weights in Constant nodes are put back there', async () => {
    const constant = fixture.graph.initializers.get('fc.weight')!;
    const init = await variant((g) => ({
      initializers: new Map([...g.initializers].filter(([name]) => name !== 'fc.weight')),
      nodes: [
        node('Constant', [], ['fc.weight'], new Map([['value', { type: 'tensor', value: constant }]])),
        ...g.nodes,
      ],
    }));
    const out = fresh();
    await startRun({ ...short(), init, out });
    const [first] = (await checkpointOf(out)).graph.nodes;
    const value = first!.attributes.get('value');
    expect(first!.op).toBe('Constant');
    expect(value?.type === 'tensor' && value.value.shape).toEqual(constant.shape);
    expect(value?.type === 'tensor' && value.value.data).not.toEqual(constant.data);
  });

  it('images with their channels last', async () => {
    const input = {
      name: 'nhwc',
      type: { kind: 'tensor', dtype: 'float32', shape: ['batch', 28, 28, 1] },
    } as const;
    const init = await variant((g) => ({
      inputs: [input],
      nodes: [
        node('Transpose', ['nhwc'], ['loss'], new Map([['perm', { type: 'ints', value: [0, 3, 1, 2] }]])),
        ...g.nodes,
      ],
    }));
    const out = fresh();
    await startRun({ ...short(), init, out });
    expect((await checkpointOf(out)).graph.inputs).toMatchObject([input]);
  });

  it('weights that end as the results of an update do', async () => {
    const names = new Map([
      ['fc.weight', 'fc'],
      ['fc.bias', 'fc_next'],
      ['conv2.bias', 'fc_velocity'],
    ]);
    const to = (name: string) => names.get(name) ?? name;
    const init = await variant((g) => ({
      initializers: new Map([...g.initializers].map(([name, t]) => [to(name), t])),
      nodes: g.nodes.map((n) => ({ ...n, inputs: n.inputs.map(to) })),
    }));
    const out = fresh();
    await startRun({ ...short(), init, out });
    const plain = fresh();
    await startRun({ ...short(), out: plain });
    const [renamed, usual] = [await checkpointOf(out), await checkpointOf(plain)];
    for (const [name, other] of names)
      expect(renamed.graph.initializers.get(other)!.data).toEqual(usual.graph.initializers.get(name)!.data);
  });
});

it('names apart are told from one another, and back', () => {
  const graph = { ...fixture.graph, initializers: new Map(fixture.graph.initializers) };
  for (const name of ['a', 'a_next', 'a_next.', 'a_next..', 'b_velocity'])
    graph.initializers.set(name, fixture.graph.initializers.get('fc.bias')!);
  const { graph: other, original } = apart(graph, 'model');
  expect(other.initializers.size).toBe(graph.initializers.size);
  expect([...other.initializers.keys()].map((name) => original.get(name))).toEqual([
    ...graph.initializers.keys(),
  ]);
  for (const name of other.initializers.keys()) expect(name).toMatch(/^model\.(?!.*_(next|velocity)$)/);
});

describe('resuming', () => {
  const two = () => ({ ...options, limit: 200, epochs: 2, bnMode: 'train' });
  const stoppingAfter = (batches: number): RunControls => {
    const stop = new AbortController();
    let seen = 0;
    return { signal: stop.signal, onProgress: () => ++seen === batches && stop.abort() };
  };
  let expected: Awaited<ReturnType<typeof outcomeOf>>;
  beforeAll(async () => {
    const out = fresh();
    await startRun({ ...two(), out });
    expected = await outcomeOf(out);
  });

  // 160 images by 32: 5 mini-batches an epoch.
  it.each([1, 5, 7, 10])(
    'after %i mini-batches gives the same bits, without the file it began with',
    async (stopAt) => {
      const init = join(home, `passing-${stopAt}.onnx`);
      await copyFile(FIXTURE, init);
      const out = fresh();
      expect((await startRun({ ...two(), init, out }, stoppingAfter(stopAt))).end).toBe('interrupted');
      await rm(init);
      expect((await resumeRun(out)).end).toBe('finished');
      expect(await outcomeOf(out)).toEqual(expected);
    },
  );

  it('refuses a copy that was changed', async () => {
    const out = fresh();
    await startRun({ ...two(), out }, stoppingAfter(3));
    await copyFile(await variant((g) => ({ doc: `${g.doc} changed` })), join(out, 'init.onnx'));
    await expect(resumeRun(out)).rejects.toThrow(
      /^E_DATA: .*init\.onnx has SHA-256 .*with which the run began/,
    );
  });
});

describe('a file that cannot be fine-tuned fails in a line, and nothing is written', () => {
  const cases: [string, () => Promise<RunOptions>, RegExp][] = [
    ['a file that is not there', async () => ({ init: join(home, 'none.onnx') }), /^E_FILE: cannot read/],
    [
      'a model beside it',
      async () => ({ model: 'mnist-cnn' }),
      /^E_OPTION: both --model and --init, expected one/,
    ],
    [
      'a normalisation beside it',
      async () => ({ mean: [0.1], std: [0.3] }),
      /^E_OPTION: --mean or --std with --init/,
    ],
    ['other classes', async () => ({ classes: 5 }), /^E_OPTION: --classes 5 for a model of 10, expected 10/],
    [
      'a softmax at its end',
      async () => ({
        init: await variant((g) => ({
          outputs: [{ ...g.outputs[0]!, name: 'p' }],
          nodes: [...g.nodes, node('Softmax', ['x'], ['p'])],
        })),
      }),
      /^E_UNSUPPORTED: output "p" of probabilities, expected logits/,
    ],
    [
      'a fixed batch',
      async () => ({
        init: await variant((g) => ({
          inputs: [{ ...g.inputs[0]!, type: { kind: 'tensor', dtype: 'float32', shape: [1, 1, 28, 28] } }],
        })),
      }),
      /^E_UNSUPPORTED: a model for batches of 1, expected a batch of any size/,
    ],
    [
      'images of another size',
      async () => ({
        init: await variant((g) => ({
          inputs: [{ ...g.inputs[0]!, type: { kind: 'tensor', dtype: 'float32', shape: ['N', 1, 29, 29] } }],
        })),
      }),
      /^E_SHAPE: images of shape \[1,28,28\], expected \[1, 29, 29\]/,
    ],
    [
      'a layer without a gradient',
      async () => ({
        init: await variant((g) => ({
          outputs: [{ name: 'd', type: { kind: 'tensor', dtype: 'float32', shape: ['batch'] } }],
          nodes: [...g.nodes, node('Det', ['x'], ['d'])],
        })),
      }),
      /^E_UNSUPPORTED: operator Det "d"/,
    ],
  ];
  it.each(cases)('%s', async (_, change, message) => {
    const out = fresh();
    const failure = await startRun({ ...options, ...(await change()), out }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TouchstoneError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain('\n');
    await expect(readdir(out)).rejects.toThrow();
  });

  it('in place of a recipe’s model takes the rest of its settings', async () => {
    const out = fresh();
    const { method: _m, steps: _s, stepSize: _a, batchSize: _b, ...rest } = options;
    const { recipe } = await startRun({ ...rest, recipe: 'demo', limit: 200, epochs: 1, out });
    expect(recipe).toMatchObject({
      recipe: 'demo',
      method: 'gaat',
      model: 'batch-norm.onnx',
      mean: null,
      batchSize: 128,
    });
  });
});
