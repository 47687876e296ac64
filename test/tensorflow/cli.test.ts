import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseResult } from '../../src/report/index.ts';
import { hasNvidiaGpu } from '../../src/setup/gpu.ts';
import { TFJS } from '../../src/setup/index.ts';
import { TENSORFLOW } from '../../src/setup/wheels.ts';
import { buildPackage, type Ended, execute } from '../cli/harness.ts';
import { checkpointOf, outcomeOf } from '../runs/files.ts';

const MODULES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'node_modules');
const VERSIONS = { tensorflow: TENSORFLOW, 'tfjs-core': '4.22.0' };
const EPOCHS = 3;
const TRAIN = [
  ...['train', '--engine', 'tensorflow', '--device', 'cpu', '--threads', '1'],
  ...['--method', 'gaat', '--model', 'mnist-cnn', '--data', 'mnist', '--limit', '2000'],
  ...['--epochs', String(EPOCHS), '--batch-size', '128', '--start', 'random', '--steps', '5', '--lr', '0.05'],
  ...['--validation', '500', '--validation-steps', '5'],
];

let home: string;
let program: string;
const at = (name: string) => join(home, name);
const touchstone = (...args: string[]) => execute(process.execPath, [program, ...args], home);

/** What was written to stderr besides how far it is. */
const noise = ({ stderr }: Ended): string[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '' && !/^(epoch \d|training|audit|export|\s*\S+ ·)/.test(line));

beforeAll(async () => {
  home = await fs.mkdtemp(join(tmpdir(), 'touchstone-tensorflow-'));
  program = await buildPackage(home);
}, 120_000);
afterAll(() => fs.remove(home));

/** Trains, and presses Ctrl-C after the first epoch. */
const interrupted = (args: readonly string[]): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: home,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (bytes) => {
      if (said.includes('epoch 1/')) return;
      said += bytes;
      // Once: a second one would not wait until the run is saved.
      if (said.includes('epoch 1/')) child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', resolve);
  });

describe('on the tensorflow engine', () => {
  it('a run trains in silence, and says what computed', async () => {
    const run = await touchstone(...TRAIN, '--out', at('run'));
    expect(run.code, run.stderr).toBe(0);
    expect(noise(run)).toEqual([]);
    const { engine } = await fs.readJson(join(at('run'), 'run.json'));
    expect(engine).toEqual({ name: 'tensorflow', device: 'cpu', threads: 1, versions: VERSIONS });
    expect((await checkpointOf(at('run'))).graph.initializers.size).toBeGreaterThan(0);
    const { history } = await outcomeOf(at('run'));
    expect(history.map((h) => h.epoch)).toEqual([1, 2, 3]);
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss);
  });

  it('a run that was interrupted goes on bit for bit', async () => {
    expect(await interrupted([...TRAIN, '--out', at('stopped')])).toBe(130);
    expect((await outcomeOf(at('stopped'))).history.length).toBeLessThan(EPOCHS);
    const resumed = await touchstone('train', '--resume', at('stopped'));
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await outcomeOf(at('stopped'))).toEqual(await outcomeOf(at('run')));
  });

  it('its model is exported and audited', async () => {
    const exported = await touchstone('export', at('run'), '--engine', 'tensorflow', '--out', at('m.onnx'));
    expect(exported.code, exported.stderr).toBe(0);
    const audit = [
      'audit',
      at('m.onnx'),
      '--data',
      'mnist',
      '--eps',
      '0.1',
      '--limit',
      '100',
      '--steps',
      '5',
    ];
    const attacks = ['--attacks', 'fgsm,pgd'];
    const both = await Promise.all(
      ['tensorflow', 'onnxruntime'].map(async (engine) => {
        const ended = await touchstone(...audit, ...attacks, '--engine', engine, '--out', at(engine));
        expect(ended.code, ended.stderr).toBe(0);
        expect(noise(ended)).toEqual([]);
        return parseResult(await fs.readJson(join(at(engine), 'result.json')));
      }),
    );
    const [ours, theirs] = both as [(typeof both)[0], (typeof both)[0]];
    expect(ours.environment).toMatchObject({ engine: 'tensorflow', packages: VERSIONS });
    expect(ours.clean).toEqual(theirs.clean);
  });
});

/** The package without the native part: all dependencies but tfjs-node are those of the checkout. */
async function withoutNativePart(folder: string): Promise<string> {
  const modules = join(folder, 'node_modules');
  const link = (name: string) => fs.ensureSymlink(join(MODULES, name), join(modules, name), 'dir');
  for (const name of await fs.readdir(MODULES)) if (name !== '@tensorflow') await link(name);
  for (const name of await fs.readdir(join(MODULES, '@tensorflow')))
    if (`@tensorflow/${name}` !== TFJS) await link(join('@tensorflow', name));
  await fs.copy(join(MODULES, TFJS), join(modules, TFJS), {
    filter: (path) => path !== join(MODULES, TFJS, 'lib'),
  });
  for (const part of ['bin', 'dist', 'package.json']) await fs.copy(at(part), join(folder, part));
  return join(folder, 'bin', 'touchstone.mjs');
}

describe('it is refused in one line', () => {
  const training = [...TRAIN, '--out', 'refused'];

  it('where it is not set up', async () => {
    const bare = await withoutNativePart(at('bare'));
    expect(await execute(process.execPath, [bare, ...training], at('bare'))).toEqual({
      code: 2,
      stdout: '',
      stderr:
        "error E_ENGINE: TensorFlow's native part is not set up: run `npx touchstone setup tensorflow`\n",
    });
    expect(await fs.pathExists(join(at('bare'), 'refused'))).toBe(false);
  });

  it.skipIf(hasNvidiaGpu())('on CUDA where there is no GPU (skipped where there is one)', async () => {
    const ended = await touchstone(...training.map((a) => (a === 'cpu' ? 'cuda' : a)));
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^error E_ENGINE: TensorFlow sees no GPU, expected one: run .*\n$/);
    expect(await fs.pathExists(at('refused'))).toBe(false);
  });
});
