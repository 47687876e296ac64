/**
 * Forward passes and input gradients: ours, PyTorch's autograd with frozen parameters, and onnx-ad's, interleaved in one
 * run on the same weights and images.
 *
 *   node --import tsx benchmarks/engines.ts [--rounds 15] [--only resnet18,vit] [--record FILE.json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { architectures } from '../models/index.ts';
import { classifierProgram, type Executable, logitsProgram } from '../src/engine/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { inspect } from '../src/eval/index.ts';
import { float32, int64, type Tensor, toModel } from '../src/graph/index.ts';
import { machine, readModelFile, tool, writeFileAtomic, writeModelFile } from '../src/io/index.ts';
import { key, uniform } from '../src/random/index.ts';
import { interleaved, median, timed } from './measure.ts';
import { type Peer, startPeer } from './peers/peer.ts';

interface Subject {
  readonly batch: number;
  readonly image: readonly number[];
  /** Our architectures are written here and read by PyTorch; the others are PyTorch's and exported by it. */
  readonly origin: 'ours' | 'exported';
  /** What PyTorch is asked to do with its network, by label. */
  readonly peers: Readonly<Record<string, Record<string, unknown>>>;
}

const both = { NCHW: {}, 'channels-last': { channelsLast: true } };
const SUBJECTS: Readonly<Record<string, Subject>> = {
  'mnist-cnn': { batch: 512, image: [1, 28, 28], origin: 'ours', peers: { NCHW: {} } },
  resnet18: {
    batch: 32,
    image: [3, 32, 32],
    origin: 'ours',
    peers: {
      ...both,
      'NCHW, BatchNorm fused': { fuse: true },
      'channels-last, BatchNorm fused': { fuse: true, channelsLast: true },
    },
  },
  'mobilenet-v2': { batch: 32, image: [3, 32, 32], origin: 'exported', peers: both },
  vit: { batch: 32, image: [3, 32, 32], origin: 'exported', peers: { NCHW: {} } },
};

interface Row {
  readonly model: string;
  readonly batch: number;
  readonly peer: string;
  readonly medians: Readonly<Record<string, number>>;
  readonly gradientOverForward: number;
  readonly fasterThanPeer: number | null;
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    only: { type: 'string' },
    record: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const only = values.only?.split(',');
const engine = onnxruntimeEngine();
const peer = startPeer(engine.threads);
const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
const versions: Record<string, string> = { ...engine.versions };
const rows: Row[] = [];

try {
  for (const [name, subject] of Object.entries(SUBJECTS))
    if (!only || only.includes(name)) rows.push(...(await measure(name, subject)));
} finally {
  peer.close();
  await engine.close();
  rmSync(folder, { recursive: true });
}

async function measure(name: string, { batch, image, origin, peers }: Subject): Promise<Row[]> {
  const file = join(folder, `${name}.onnx`);
  if (origin === 'ours') await writeModelFile(file, toModel(architectures[name]!.build(key(0))));
  else note(await peer.ask({ do: 'export', net: name, out: file }));
  const { graph } = inspect((await readModelFile(file)).model);
  const forward = await engine.compile(logitsProgram(graph));
  const gradient = await engine.compile(classifierProgram(graph, 'ce'));
  const { x, y } = batchOf(batch, image);
  const ours = { forward: timed(() => forward.run({ x })), gradient: timed(() => gradient.run({ x, y })) };
  const found: Row[] = [];
  for (const [label, options] of Object.entries(peers)) {
    const load =
      origin === 'ours'
        ? { do: 'load', architecture: name, weights: file, ...options }
        : { do: 'export', net: name, out: file, ...options };
    note(await peer.ask(load));
    found.push(await compare(name, batch, `PyTorch, ${label}`, { ...ours, ...theirs(peer, batch, image) }));
  }
  await close(forward, gradient);
  return found;
}

async function close(...programs: Executable[]): Promise<void> {
  for (const p of programs) await p.close();
}

function note(answer: Readonly<Record<string, unknown>>): void {
  if (answer.error) throw new Error(`the peer failed: ${answer.error}`);
  for (const k of ['torch', 'onnx-ad']) if (answer[k]) versions[k] = String(answer[k]);
}

function batchOf(batch: number, image: readonly number[]): { x: Tensor; y: Tensor } {
  const shape = [batch, ...image];
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    x: float32(uniform(key(1), size, 0, 1), shape),
    y: int64(Array.from({ length: batch }, (_, i) => i % 10)),
  };
}

function milliseconds(p: Peer, request: Record<string, unknown>): () => Promise<number> {
  return async () => 1000 * (await p.ask(request)).seconds;
}

function theirs(p: Peer, batch: number, shape: readonly number[]) {
  return {
    peerForward: milliseconds(p, { do: 'forward', batch, shape }),
    peerGradient: milliseconds(p, { do: 'gradient', batch, shape }),
  };
}

async function compare(
  model: string,
  batch: number,
  label: string,
  work: Readonly<Record<string, () => Promise<number>>>,
): Promise<Row> {
  const samples = await interleaved(rounds, work);
  const medians = Object.fromEntries(Object.entries(samples).map(([k, v]) => [k, median(v)]));
  const { forward = 0, gradient = 0, peerGradient } = medians;
  return {
    model,
    batch,
    peer: label,
    medians,
    gradientOverForward: gradient / forward,
    fasterThanPeer: peerGradient === undefined ? null : peerGradient / gradient,
    samples,
  };
}

const ms = (n: number | undefined) => (n === undefined ? '' : n.toFixed(1));
process.stdout.write(
  table([
    [
      'model',
      'batch',
      'peer',
      'forward',
      'gradient',
      '÷ forward',
      'its forward',
      'its gradient',
      'faster by',
    ],
    ...rows.map((r) => [
      r.model,
      r.batch,
      r.peer,
      ms(r.medians.forward),
      ms(r.medians.gradient),
      r.gradientOverForward.toFixed(2),
      ms(r.medians.peerForward),
      ms(r.medians.peerGradient),
      r.fasterThanPeer === null ? '' : `${r.fasterThanPeer.toFixed(2)}×`,
    ]),
  ]),
);
process.stdout.write(
  'Medians of milliseconds, each round one run of each in turn; passes: forward 1 + 0, gradient 1 + 1.\n',
);
if (values.record)
  await writeFileAtomic(
    values.record,
    `${JSON.stringify({ benchmark: 'engines', tool: tool(), machine: machine(), threads: engine.threads, rounds, versions, rows }, null, 1)}\n`,
  );
