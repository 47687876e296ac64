import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filePredictor, onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import {
  assertFits,
  checks,
  describe as describeModel,
  engineClassifier,
  inspect,
  parsePreprocessing,
} from '../../src/eval/index.ts';
import { type Graph, int64, type Model, type Node, writeModel } from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { checkRun } from '../../src/runs/check-run.ts';
import { openModel } from '../../src/runs/open-model.ts';
import { floats, node, value } from '../graph/proto-models.ts';
import { evidence } from './fakes.ts';
import { linearModel, writeFiles } from './files.ts';
import { classifier, conv, dense, four, int, ints, older } from './older-models.ts';

const engine = onnxruntimeEngine({ threads: 1 });
let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
});
afterAll(async () => {
  await engine.close();
  await fs.remove(folder);
});

const x = { data: uniform(key(0), 5 * 108), shape: [5, 3, 6, 6] };

/** What onnxruntime makes of the model as it was written. */
async function asWritten(m: Model, output: string): Promise<Float32Array> {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.onnx`);
  await writeModelFile(path, m);
  const predictor = await filePredictor(path, { threads: 1, output });
  try {
    return await predictor.predict(x.data, x.shape);
  } finally {
    await predictor.close();
  }
}

/** The largest difference, in units of the largest value: float32 kernels differ by a few roundings of 6e-8. */
function expectSame(actual: Float32Array, expected: Float32Array): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  expect(Math.max(...actual.map((v, i) => Math.abs(v - expected[i]!)))).toBeLessThan(2e-6 * scale);
}

describe('a model in an older operator set', () => {
  it.each(older)(
    '%s computes what onnxruntime does with the file, and its gradient is right',
    async (_, m) => {
      const { graph: ready } = inspect(m);
      const c = engineClassifier(engine, ready, { classes: 4 });
      expectSame(await c.logits(x), await asWritten(m, 'y'));
      const y = Int32Array.of(0, 1, 2, 3, 0);
      const found = await checks['finite-differences']!.run(evidence({ classifier: c, x, y }));
      // A kink between two differences spoils one of 20 slopes at most.
      expect(Number(found!.figures.cosine)).toBeGreaterThan(0.98);
    },
  );

  it.each([6, 1, 26])('of set %i is refused, saying how to convert it', (opset) => {
    expect(() => inspect(classifier(opset, dense('x')))).toThrow(
      new RegExp(`^E_UNSUPPORTED: a model in operator set ${opset}, expected 7 to 25: .*opset_version`),
    );
  });
});

describe('the logits behind a softmax', () => {
  const tails: readonly [string, number, Node[], string][] = [
    ['Softmax', 13, [node('Softmax', ['h'], ['y'])], 'probabilities'],
    ['Softmax of the named axis', 17, [node('Softmax', ['h'], ['y'], { axis: int(1) })], 'probabilities'],
    ['LogSoftmax', 13, [node('LogSoftmax', ['h'], ['y'], { axis: int(-1) })], 'log-probabilities'],
    ['an older Softmax', 11, [node('Softmax', ['h'], ['y'])], 'probabilities'],
    ['an older LogSoftmax', 9, [node('LogSoftmax', ['h'], ['y'], { axis: int(1) })], 'log-probabilities'],
    [
      'Softmax and Identity',
      13,
      [node('Softmax', ['h'], ['s']), node('Identity', ['s'], ['y'])],
      'probabilities',
    ],
    [
      'an older Softmax and Identity',
      12,
      [node('Softmax', ['h'], ['s']), node('Identity', ['s'], ['y'])],
      'probabilities',
    ],
    [
      'Identity and Softmax',
      13,
      [node('Identity', ['h'], ['i']), node('Softmax', ['i'], ['y'])],
      'probabilities',
    ],
  ];
  it.each(tails)('are attacked: %s in set %i', async (_, opset, tail, kind) => {
    const m = classifier(opset, [...dense('x', 'h'), ...tail]);
    const { card, graph: ready } = inspect(m);
    expect(card.outputKind).toBe(kind);
    expect(describeModel(m).outputKind).toBe(kind);
    const c = engineClassifier(engine, ready, { classes: 4 });
    expectSame(await c.logits(x), await asWritten(classifier(opset, dense('x')), 'y'));
  });

  it.each([
    ['logits', 13, []],
    // Over the batch, not over the classes.
    ['a softmax over axis 0', 13, [node('Softmax', ['h'], ['y'], { axis: int(0) })]],
    ['a softmax inside', 13, [node('Softmax', ['h'], ['s']), node('Mul', ['s', 's'], ['y'])]],
  ] as const)('are the output itself for %s', (_, opset, tail) => {
    const { card } = inspect(classifier(opset, tail.length > 0 ? [...dense('x', 'h'), ...tail] : dense('x')));
    expect(card).toMatchObject({ outputKind: 'logits' });
  });

  it('give the same audit as the model without it', async () => {
    const run = async (name: string, tail: readonly string[]) => {
      const sub = join(folder, name);
      await fs.ensureDir(sub);
      const files = await writeFiles(sub, 2, 30, { tail });
      const { model: path, data } = files;
      return auditRun({
        model: path,
        data,
        threat: { norm: 'linf', epsilon: 0.02 },
        seed: 1,
        engine,
        commandLine: [],
      });
    };
    const [plain, soft] = [await run('plain', []), await run('soft', ['Softmax'])];
    expect(plain.robust.correct).toBeGreaterThan(0);
    expect(soft.model.outputKind).toBe('probabilities');
    expect(soft.attacks.map((a) => a.broken)).toEqual(plain.attacks.map((a) => a.broken));
    expect(soft.verifier.ok).toBe(true);
  });
});

describe('a model with several outputs', () => {
  const outputs = [value('c', ['N', 4, 6, 6]), value('y', ['N', 4]), value('z', ['N', 2])];
  const nodes = [
    conv(),
    node('GlobalAveragePool', ['c'], ['p']),
    node('Flatten', ['p'], ['y']),
    node('Gemm', ['y', 'v'], ['z']),
  ];
  const m = classifier(17, nodes, { ...four, v: floats([4, 2]) }, outputs);

  it('is read at the one named, the others left alone', async () => {
    for (const [output, classes] of [
      ['y', 4],
      ['z', 2],
    ] as const) {
      const { card, graph: ready } = inspect(m, { output });
      expect(card).toMatchObject({ classes, output: { name: output, shape: ['N', classes] } });
      const c = engineClassifier(engine, ready, { classes });
      expectSame(await c.logits(x), await asWritten(m, output));
    }
  });

  it('is read at the first that is a score per class, where none is named', () => {
    expect(inspect(m).card).toMatchObject({ output: { name: 'y' }, outputs: ['c', 'y', 'z'] });
  });

  it('says which output to name', () => {
    expect(() => inspect(m, { output: 'c' })).toThrow(
      /^E_UNSUPPORTED: output "c" \[N, 4, 6, 6\], expected \[N, classes\].*--output/,
    );
    expect(() => inspect(m, { output: 'nix' })).toThrow('E_OPTION: no output "nix", expected c, y, z');
  });
});

describe('what cannot be audited', () => {
  const odd = (declared: Graph['outputs'][number]) =>
    classifier(17, [node('Det', ['x'], ['d']), ...dense('d')], {}, [declared]);

  it.each([
    ['with its shape declared', value('y', ['N', 4])],
    ['without a shape', { name: 'y', type: { kind: 'tensor', dtype: 'float32' } }],
    ['without a type', { name: 'y' }],
  ] as const)('an operator without a rule is named with its node, the output %s', (_, declared) => {
    expect(() => inspect(odd(declared))).toThrow(/^E_UNSUPPORTED: operator Det "det_d"/);
  });

  it('an operator of another domain too', () => {
    const own: Node = { ...node('Mystery', ['x'], ['d']), domain: 'com.example' };
    const m = classifier(17, [own, ...dense('d')]);
    expect(() => inspect(m)).toThrow(/^E_UNSUPPORTED: operator .*Mystery.*"mystery_d"/);
    expect(describeModel(m).unsupported).toHaveLength(1);
  });

  it.each([
    ['two inputs', { inputs: [value('x', ['N', 3, 6, 6]), value('x2')] }, /a model with 2 inputs/],
    [
      'volumes',
      { inputs: [value('x', ['N', 3, 6, 6, 6])] },
      /float32 \[N, 3, 6, 6, 6\], expected float images/,
    ],
  ])('a model of %s', (_, over, message) => {
    const m = classifier(17, dense('x'));
    expect(() => inspect({ ...m, graph: { ...m.graph, ...over } })).toThrow(message);
  });

  it('images of another size', () => {
    const { card } = inspect(classifier(17, dense('x')));
    expect(() => assertFits(card.input, [1, 28, 28])).toThrow(
      "E_SHAPE: images of shape [1,28,28], expected [3, 6, 6], the model's input: use the data the model was made for",
    );
    assertFits(card.input, [3, 6, 6]);
  });
});

describe('a model with its images in another layout', () => {
  const nchw = classifier(17, dense('x'));
  const moved = (shape: (string | number)[], back: Node, extra = {}): Model =>
    classifier(17, [back, ...dense('t')], extra, [value('y', ['N', 4])], [value('x', shape)]);
  it.each([
    ['NHWC', moved(['N', 6, 6, 3], node('Transpose', ['x'], ['t'], { perm: ints(0, 3, 1, 2) }))],
    ['flat', moved(['N', 108], node('Reshape', ['x', 's'], ['t']), { s: int64([-1, 3, 6, 6]) })],
  ])('takes [N, C, H, W] from us, and the file its own: %s', async (layout, m) => {
    const { card, graph: ready } = inspect(m);
    expect(card.input).toMatchObject({ layout, image: [3, 6, 6] });
    const expected = await asWritten(nchw, 'y');
    expectSame(await engineClassifier(engine, ready, { classes: 4 }).logits(x), expected);
    const path = join(folder, `${layout}.onnx`);
    await writeModelFile(path, m);
    const opened = await openModel(path, { threads: 1 });
    expectSame(await opened.oracle.predict(x.data, x.shape), expected);
    await opened.close();
    // The gradient file keeps the model's own input.
    const native = inspect(m, { nativeInput: true }).graph.inputs[0]!;
    expect(native.type).toMatchObject({ shape: card.input.shape });
  });

  it('gets its pixels preprocessed, in the graph and in front of the file alike', async () => {
    const path = join(folder, 'preprocessed.onnx');
    await writeModelFile(path, nchw);
    const preprocessing = parsePreprocessing('mean=0.5,0.4,0.3/std=0.2,0.25,0.3');
    const opened = await openModel(path, { threads: 1, preprocessing });
    const c = engineClassifier(engine, opened.subject.graph, { classes: 4 });
    const found = await opened.oracle.predict(x.data, x.shape);
    expectSame(await c.logits(x), found);
    const plain = await asWritten(nchw, 'y');
    expect(Math.max(...found.map((v, i) => Math.abs(v - plain[i]!)))).toBeGreaterThan(0.01);
    await opened.close();
  });
});

describe('a model that takes batches of one size only', () => {
  it.each([1, 4])('of %i is audited and checked as the one that takes any', async (batch) => {
    const at = async (size: number | string) => {
      const sub = join(folder, `batch ${batch} ${size}`);
      await fs.ensureDir(sub);
      const { model: path, data } = await writeFiles(sub, 2, 30, { batch: size });
      const threat = { norm: 'linf', epsilon: 0.02 } as const;
      const result = await auditRun({
        model: path,
        data,
        threat,
        seed: 1,
        engine,
        commandLine: [],
        out: join(sub, 'out'),
      });
      const report = await checkRun({ model: path, data, seed: 1, engine });
      const bare = await checkRun({ model: path, seed: 1, engine });
      return { result, report, bare };
    };
    const [fixed, free] = [await at(batch), await at('N')];
    expect(fixed.result.model.inputShape).toEqual([batch, 3, 2, 2]);
    expect(fixed.result.clean).toEqual(free.result.clean);
    expect(fixed.result.robust).toEqual(free.result.robust);
    expect(fixed.result.attacks.map((a) => a.broken)).toEqual(free.result.attacks.map((a) => a.broken));
    expect(fixed.result.attacks.filter((a) => a.error)).toEqual([]);
    expect(fixed.result.verifier).toMatchObject({ ok: true, checked: free.result.verifier.checked });
    // A model that takes one image at a time cannot judge it by its company.
    const findingsOf = ({ findings }: typeof fixed.report) =>
      findings.filter((f) => batch > 1 || f.id !== 'batch-composition');
    const verdicts = (r: typeof fixed) =>
      [r.report, r.bare].map((c) => findingsOf(c).map((f) => [f.id, f.verdict]));
    expect(verdicts(fixed)).toEqual(verdicts(free));
    expect(fixed.report.accuracy).toBe(28 / 30);
    expect(fixed.bare.findings.find((f) => f.id === 'stable-predictions')!.figures.samples).toBe(64);
  });
});

describe('the card', () => {
  it('says what is in the file', () => {
    const m = { ...linearModel(2), producerName: 'torch', producerVersion: '2' };
    const bytes = writeModel(m).length;
    expect(bytes).toBeGreaterThan(100);
    expect(describeModel(m)).toMatchObject({
      producer: 'torch 2',
      opset: 20,
      parameters: 26,
      input: { name: 'image', dtype: 'float32', shape: ['N', 3, 2, 2] },
      output: { name: 'logits', shape: ['N', 2] },
      classes: 2,
      unsupported: [],
      maskingRisks: [],
    });
  });

  it('names operators that hide gradients, and training mode', () => {
    const training = { training_mode: int(1) };
    const nodes = [
      node('Sign', ['x'], ['s']),
      conv(),
      node('BatchNormalization', ['c', 'g', 'b', 'b', 'g'], ['n', 'm', 'v'], training),
      ...dense('n'),
    ];
    const m = classifier(17, nodes, {
      ...four,
      w: floats([144, 4]),
      g: floats([4], () => 1),
      b: floats([4]),
    });
    expect(describeModel(m).maskingRisks).toEqual([
      'Sign "sign_s"',
      'BatchNormalization "batchnormalization_n"',
    ]);
  });
});
