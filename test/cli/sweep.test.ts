import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DataSet, firstImages, loadData } from '../../src/data/index.ts';
import { GraphBuilder, type Model, toModel } from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { parseSweep, parseTransfer } from '../../src/report/index.ts';
import { buildPackage, contents, type Ended, execute, writeInputs } from './harness.ts';

/** `sweep` and `transfer` as a shell sees them, against the compiled package. */

const CLASSES = 10;
const SIZE = 784;

let folder: string;
let program: string;
let data: DataSet;
/** z_k = W_k·x + b_k. */
let near: Linear;
let shifted: Linear;

interface Linear {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** The class whose mean image is nearest: z_k = μ_k·x − ‖μ_k‖²/2. */
function nearestMean(from: DataSet, count: number): Linear {
  const { x, y } = firstImages(from, count);
  const weights = new Float32Array(CLASSES * SIZE);
  const members = new Float32Array(CLASSES);
  for (const [i, label] of y.entries()) {
    members[label]! += 1;
    for (let k = 0; k < SIZE; k++) weights[label * SIZE + k]! += x[i * SIZE + k]!;
  }
  for (let k = 0; k < weights.length; k++) weights[k]! /= members[Math.floor(k / SIZE)]!;
  const bias = Float32Array.from({ length: CLASSES }, (_, c) => {
    const mean = weights.subarray(c * SIZE, (c + 1) * SIZE);
    return -mean.reduce((sum, v) => sum + v * v, 0) / 2;
  });
  return { weights, bias };
}

function linearModel({ weights, bias }: Linear): Model {
  const b = new GraphBuilder();
  b.input('x', 'float32', ['N', 1, 28, 28]);
  const flat = b.op('Flatten', ['x']);
  b.output(b.op('Gemm', [flat, b.floats(weights, [CLASSES, SIZE]), b.floats(bias)], { transB: 1 }), 'logits');
  return toModel(b.build());
}

/** The same one pixel further down and to the right: another model of the same kind. */
const moved = ({ weights, bias }: Linear): Linear => ({
  bias,
  weights: weights.map((_, i) => weights[i - 29] ?? 0),
});

/** How many of the first images no point of the L∞ ball within [0, 1] takes to another class: exactly, in float64. */
function standingExactly({ weights, bias }: Linear, n: number, epsilon: number): number {
  const { x, y } = firstImages(data, n);
  const withstands = (i: number, other: number): boolean => {
    const label = y[i]!;
    let margin = bias[label]! - bias[other]!;
    for (let k = 0; k < SIZE; k++) {
      const w = weights[label * SIZE + k]! - weights[other * SIZE + k]!;
      const v = x[i * SIZE + k]!;
      margin += w * (w > 0 ? Math.max(0, v - epsilon) : Math.min(1, v + epsilon));
    }
    return margin > 0;
  };
  const classes = Array.from({ length: CLASSES }, (_, k) => k);
  return Array.from(y.keys()).filter((i) => classes.every((k) => k === y[i] || withstands(i, k))).length;
}

beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
  await writeInputs(folder);
  data = await loadData('mnist', 'test');
  near = nearestMean(await loadData('mnist', 'train'), 5000);
  shifted = moved(near);
  await writeModelFile(join(folder, 'near.onnx'), linearModel(near));
  await writeModelFile(join(folder, 'shifted.onnx'), linearModel(shifted));
  await fs.copy(join(folder, 'near.onnx'), join(folder, 'elsewhere', 'near.onnx'));
  program = await buildPackage(join(folder, 'package'));
}, 120_000);
afterAll(() => fs.remove(folder));

let count = 0;
/** Runs a command in a folder of its own; `@x` in it is a file of the test's folder. */
async function attempt(
  command: string,
  before: Readonly<Record<string, string>> = {},
): Promise<Ended & { cwd: string }> {
  const cwd = join(folder, `row-${count++}`);
  await fs.ensureDir(cwd);
  for (const [name, text] of Object.entries(before)) await fs.outputFile(join(cwd, name), text);
  const args = command.split(' ').map((word) => word.replace(/^@|(?<=,)@/g, `${folder}/`));
  return { ...(await execute(process.execPath, [program, ...args], cwd)), cwd };
}

describe('sweep', () => {
  it('of a linear model of MNIST finds what is there, and writes its files', async () => {
    const radii = [0, 0.02, 0.06, 0.15, 1];
    const { code, stdout, stderr, cwd } = await attempt(
      `sweep @near.onnx --data mnist --eps ${radii.join(',')} --steps 1,20 --limit 150 --fresh 40 --out out --json out.json`,
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const written = contents(cwd);
    expect(Object.keys(written).sort()).toEqual(['out.json', 'out/sweep.html', 'out/sweep.json']);
    const result = parseSweep(await fs.readJson(join(cwd, 'out', 'sweep.json')));
    expect(await fs.readJson(join(cwd, 'out.json'))).toEqual(result);
    expect(result).toMatchObject({ attack: 'pgd', norm: 'linf', n: 150, sampled: 40 });
    const many = result.cells.filter((c) => c.steps === 20);
    expect(many.map((c) => c.epsilon)).toEqual(radii);
    for (const cell of many) {
      // PGD follows the cross-entropy, which may lead past the nearest class: 2 % of the images, here.
      const exact = standingExactly(near, 150, cell.epsilon);
      expect(cell.standing).toBeGreaterThanOrEqual(exact);
      expect(cell.standing - exact).toBeLessThanOrEqual(3);
    }
    expect(many[0]!.standing).toBeGreaterThan(100);
    expect(many.at(-1)!.standing).toBe(0);
    expect(result.cells.every((c) => c.rejected === 0)).toBe(true);
    expect(result.findings.map((f) => [f.id, f.verdict])).toEqual([
      ['epsilon-monotone', 'pass'],
      ['one-step-beats-many', 'pass'],
      ['unbounded-succeeds', 'pass'],
    ]);
    expect(stdout).toMatch(/ε {2}1 step {2}20 steps/);
    expect(stdout).toMatch(/page: out\/sweep.html\n$/);
  }, 120_000);

  it('goes beside the files of others, and keeps quiet where stdout is for JSON', async () => {
    const { code, stdout, cwd } = await attempt(
      'sweep @near.onnx --data mnist --eps 0.05 --norm l2 --attack square --steps 5,20 --limit 20 --out out --json -',
      { 'out/notes.txt': 'mine' },
    );
    expect(code).toBe(0);
    const result = parseSweep(JSON.parse(stdout));
    expect(result.cells.map((c) => c.parameters)).toEqual([{ queries: 5 }, { queries: 20 }]);
    expect(result.cells.every((c) => c.backwards === 0)).toBe(true);
    expect(Object.keys(contents(join(cwd, 'out'))).sort()).toEqual(['notes.txt', 'sweep.html', 'sweep.json']);
  }, 120_000);
});

describe('transfer', () => {
  it('between two linear models of MNIST: black boxes find less than white ones', async () => {
    const { code, stdout, stderr, cwd } = await attempt(
      'transfer --target @near.onnx --sources @shifted.onnx --data mnist --eps 0.06 --steps 10 --limit 150 --out out',
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(Object.keys(contents(cwd)).sort()).toEqual(['out/transfer.html', 'out/transfer.json']);
    const result = parseTransfer(await fs.readJson(join(cwd, 'out', 'transfer.json')));
    const exact = standingExactly(near, 150, 0.06);
    const clean = standingExactly(near, 150, 0);
    expect(result.targets).toEqual([{ name: 'near.onnx', correct: clean, accuracy: clean / 150 }]);
    const cells = new Map(result.cells.map((c) => [`${c.source} ${c.attack}`, c]));
    expect([...cells.keys()]).toEqual([
      'near.onnx pgd',
      'near.onnx pgd-margin',
      'shifted.onnx pgd',
      'shifted.onnx pgd-margin',
    ]);
    const own = cells.get('near.onnx pgd')!;
    const others = cells.get('shifted.onnx pgd')!;
    expect([own.whiteBox, others.whiteBox]).toEqual([true, false]);
    expect(own.standing).toBeGreaterThanOrEqual(exact);
    expect(own.standing - exact).toBeLessThanOrEqual(3);
    expect(others.standing).toBeGreaterThan(own.standing);
    expect(others.standing).toBeLessThan(clean);
    expect(result.findings).toMatchObject([
      { id: 'black-box-finds-more', verdict: 'pass', target: 'near.onnx' },
    ]);
    expect(stdout).toMatch(/shifted\.onnx +pgd +\d+\.\d %/);
  }, 120_000);

  it('knows a copy of the target by its bytes, and tells files of one name apart', async () => {
    const { code, stdout } = await attempt(
      'transfer --target @near.onnx --sources @elsewhere/near.onnx,@near.onnx --data mnist --eps 0.05 --attacks fgsm --limit 10 --json -',
    );
    expect(code).toBe(0);
    const result = parseTransfer(JSON.parse(stdout));
    expect(result.cells.map((c) => [c.source, c.whiteBox])).toEqual([
      [join(folder, 'near.onnx'), true],
      [join(folder, 'elsewhere', 'near.onnx'), true],
    ]);
  }, 120_000);
});

const sweepOf = (rest: string) => `sweep @near.onnx --data mnist ${rest} --out out`;
const transferOf = (rest: string) => `transfer --data mnist ${rest} --out out`;

describe('one line, exit 2 and nothing written', () => {
  it.each<[what: string, command: string, line: RegExp, before?: Record<string, string>]>([
    ['no ε', 'sweep @near.onnx --data mnist --out out', /^E_OPTION: no --eps given/],
    ['an empty list of ε', sweepOf('--eps ,'), /^E_OPTION: --eps ,, expected numbers between commas/],
    ['a negative ε', sweepOf('--eps 0.1,-0.2'), /^E_OPTION: --eps -0.2, expected a number above 0/],
    ['ε of 8', sweepOf('--eps 0,8'), /^E_OPTION: --eps 8, expected at most 1: .*8\/255, not 8/],
    ['ε that is no number', sweepOf('--eps 0.1,x'), /^E_OPTION: --eps x, expected a number such as/],
    ['no steps', sweepOf('--eps 0.1 --steps 0'), /^E_OPTION: --steps 0, expected a whole number/],
    ['half a step', sweepOf('--eps 0.1 --steps 1,2.5'), /^E_OPTION: --steps 2.5, expected a whole number/],
    ['an unknown norm', sweepOf('--eps 0.1 --norm l3'), /^E_OPTION: --norm l3, expected linf, l2, l1/],
    [
      'an unknown attack',
      sweepOf('--eps 0.1 --attack pdg'),
      /^E_OPTION: unknown attack "pdg", expected .*pgd/,
    ],
    ['one without steps', sweepOf('--eps 0.1 --attack noise'), /^E_OPTION: a sweep of noise, expected .*pgd/],
    [
      'one without the norm',
      sweepOf('--eps 0.1 --norm l2 --attack gaat'),
      /^E_OPTION: a sweep of gaat under l2/,
    ],
    [
      'step sizes of an attack that has none',
      sweepOf('--eps 0.1 --attack square --step-sizes 0.1'),
      /^E_OPTION: stepSize for attack square/,
    ],
    ['no images', sweepOf('--eps 0.1 --limit 0'), /^E_OPTION: --limit 0/],
    [
      'a misspelt option',
      sweepOf('--eps 0.1 --step 3'),
      /^E_OPTION: unknown option --step, expected .*--steps/,
    ],
    ['a missing model', 'sweep @none.onnx --data mnist --eps 0.1', /^E_FILE: cannot read .*none.onnx/],
    [
      'images of another shape',
      'sweep @model.onnx --data mnist --eps 0.1',
      /^E_SHAPE: images of shape \[1,28,28\]/,
    ],
    ['NaN in the data', 'sweep @model.onnx --data @nan.npz --eps 0.1', /^E_RANGE: images hold NaN/],
    [
      'a sweep that is there already',
      sweepOf('--eps 0.1'),
      /^E_FILE: out already holds sweep.json, expected a folder without: name another/,
      { 'out/sweep.json': '{}' },
    ],
    ['a file for a folder', sweepOf('--eps 0.1'), /^E_FILE: out is a file/, { out: 'mine' }],
    ['no target', transferOf('--sources @near.onnx --eps 0.1'), /^E_OPTION: no --target given/],
    ['no source', transferOf('--target @near.onnx --eps 0.1'), /^E_OPTION: no --sources given/],
    [
      'an empty list of sources',
      transferOf('--target @near.onnx --sources , --eps 0.1'),
      /^E_OPTION: no source/,
    ],
    [
      'a source that is missing',
      transferOf('--target @near.onnx --sources @shifted.onnx,@none.onnx --eps 0.1'),
      /^E_FILE: cannot read .*none.onnx/,
    ],
    [
      'a source for other images',
      transferOf('--target @near.onnx --sources @model.onnx --eps 0.1'),
      /^E_SHAPE: images of shape \[1,28,28\], expected \[1, 8, 8\]/,
    ],
    [
      'an unknown attack on it',
      transferOf('--target @near.onnx --sources @shifted.onnx --eps 0.1 --attacks pgd,pdg'),
      /^E_OPTION: unknown attack "pdg"/,
    ],
    [
      'ε of 0',
      transferOf('--target @near.onnx --sources @shifted.onnx --eps 0'),
      /^E_OPTION: --eps 0, expected/,
    ],
    [
      'a transfer that is there already',
      transferOf('--target @near.onnx --sources @shifted.onnx --eps 0.1'),
      /^E_FILE: out already holds transfer.html/,
      { 'out/transfer.html': '<p>' },
    ],
  ])('%s', async (_, command, line, before) => {
    const { code, stdout, stderr, cwd } = await attempt(command, before);
    const [first, ...rest] = stderr.split('\n');
    expect(first!.slice('error '.length)).toMatch(line);
    expect(rest).toEqual(['']);
    expect([stdout, code]).toEqual(['', 2]);
    expect(contents(cwd)).toEqual(before ?? {});
  });
});
