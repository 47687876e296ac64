import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fs from 'fs-extra';
import { GraphBuilder, int64, type Model, toModel, writeModel } from '../../src/graph/index.ts';
import { encodeNpz, writeModelFile } from '../../src/io/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { node } from '../graph/proto-models.ts';

/** What the tests of the command line share: its program as a child process, and files to give it. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** In a checkout: runs the sources. */
export const program = join(root, 'bin', 'touchstone.mjs');

/**
 * The package as it is published: compiled, without sources. A child then starts in a third of the time.
 *
 * @returns its program
 */
export async function buildPackage(folder: string): Promise<string> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const lean = ['--declaration', 'false', '--sourceMap', 'false'];
  const build = ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist'), ...lean];
  const { stdout } = await execute(process.execPath, [tsc, ...build], root);
  if (!fs.existsSync(join(folder, 'dist', 'src', 'cli', 'main.js')))
    throw new Error(`the build failed: ${stdout}`);
  await fs.copy(program, join(folder, 'bin', 'touchstone.mjs'));
  await fs.copy(join(root, 'package.json'), join(folder, 'package.json'));
  await fs.symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  return join(folder, 'bin', 'touchstone.mjs');
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Colours would change the line, and node warns where the two variables disagree.
const { FORCE_COLOR: _, NODE_OPTIONS: __, ...environment } = process.env;

export function execute(file: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: { ...environment, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      stdout += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      stderr += data;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Every file below a folder with its bytes; folders by their names. */
export function contents(of: string): Record<string, string> {
  if (!fs.existsSync(of)) return {};
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(of, { recursive: true, encoding: 'utf8' })) {
    const path = join(of, name);
    if (fs.statSync(path).isFile()) found[name] = fs.readFileSync(path, 'latin1');
  }
  return found;
}

/** Images in a file for training: N of them. */
export const N = 40;

/** Classes by the sums of rows of pixels: three of them, for 1×8×8 images. */
function model(opset?: number): Model {
  const b = new GraphBuilder();
  b.input('x', 'float32', ['N', 1, 8, 8]);
  const weights = b.floats(
    Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
    [3, 64],
  );
  b.output(b.op('Gemm', [b.op('Flatten', ['x']), weights, b.floats([0, 0, 0])], { transB: 1 }), 'logits');
  const m = toModel(b.build());
  return opset === undefined ? m : { ...m, opsets: new Map([['', opset]]) };
}

function odd(): Model {
  const m = model();
  const nodes = [
    node('Det', ['x'], ['d']),
    ...m.graph.nodes.map((n) => (n.op === 'Flatten' ? { ...n, inputs: ['d'] } : n)),
  ];
  return { ...m, graph: { ...m.graph, nodes } };
}

/** Good and bad models and data, in a folder. */
export async function writeInputs(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  await writeModelFile(at('model.onnx'), model());
  await writeModelFile(at('old.onnx'), model(6));
  await writeModelFile(at('odd.onnx'), odd());
  const bytes = writeModel(model());
  await fs.writeFile(at('truncated.onnx'), bytes.subarray(0, bytes.length - 200));
  await fs.writeFile(
    at('image.onnx'),
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13),
  );
  await fs.writeFile(at('empty.onnx'), '');
  await fs.writeFile(at('text.onnx'), 'This is not a model.\n');
  await fs.writeFile(at('text.npz'), 'Nor is this data.\n');

  const pixels = (size: number, change: (v: number, i: number) => number = (v) => v) =>
    uniform(key(size), N * size * size).map(change);
  const npz = (name: string, size: number, data: Float32Array, label: (i: number) => number = (i) => i % 3) =>
    fs.writeFile(
      at(name),
      encodeNpz({
        x: { dtype: 'float32', shape: [N, 1, size, size], data },
        y: int64(Array.from({ length: N }, (_, i) => label(i))),
      }),
    );
  await npz('data.npz', 8, pixels(8));
  await npz('grey.npz', 28, pixels(28));
  await npz('label.npz', 8, pixels(8), (i) => (i === 7 ? 3 : i % 3));
  await npz('negative.npz', 8, pixels(8), (i) => (i === 7 ? -1 : i % 3));
  await npz(
    'bytes.npz',
    8,
    pixels(8, (v) => Math.floor(256 * v)),
  );
  await npz(
    'normal.npz',
    8,
    pixels(8, (v) => (v - 0.13) / 0.31),
  );
  await npz(
    'nan.npz',
    8,
    pixels(8, (v, i) => (i === 200 ? Number.NaN : v)),
  );
  await fs.writeFile(
    at('nolabels.npz'),
    encodeNpz({ x: { dtype: 'float32', shape: [N, 1, 8, 8], data: pixels(8) } }),
  );
  const whole = await fs.readFile(at('data.npz'));
  await fs.writeFile(at('truncated.npz'), whole.subarray(0, whole.length / 2));
}
