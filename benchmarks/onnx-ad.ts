/**
 * Input gradients of many small exported classifiers: the graphs that we write against those that onnx-ad writes, both run
 * by Python's onnxruntime with the batch fixed, interleaved.
 *
 *   node --import tsx benchmarks/onnx-ad.ts ZOO_DIR [--rounds 15] [--batch 16] [--record FILE.json] [--save NAME [--records DIR]]
 *
 * ZOO_DIR holds what `python -m zoo.make ZOO_DIR` wrote (in test/python).
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../src/errors.ts';
import { inspect } from '../src/eval/index.ts';
import { gradientModel } from '../src/export/index.ts';
import { machine, readModelFile, tool, writeModelFile } from '../src/io/index.ts';
import { keeper, keepOptions } from './keep.ts';
import { interleaved, median } from './measure.ts';
import { startPeer } from './peers/peer.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '15' },
    batch: { type: 'string', default: '16' },
    record: { type: 'string' },
    save: { type: 'string' },
    records: { type: 'string' },
  },
});
const [zoo] = positionals;
if (!zoo)
  throw new TouchstoneError(
    'E_OPTION',
    'no folder of models',
    'benchmarks/onnx-ad.ts ZOO_DIR',
    'see the head of the file',
  );
const keep = keeper('onnx-ad', keepOptions(values));
const rounds = Number(values.rounds);
const batch = Number(values.batch);
const engine = onnxruntimeEngine();
const { threads } = engine;
const versions: Record<string, string> = { ...engine.versions };
const peer = startPeer(threads);
const rows: { model: string; convolutional: boolean; ours: number; theirs: number; samples: unknown }[] = [];
const refused: { model: string; why: string }[] = [];

const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
const gradient = join(folder, 'gradient.onnx');

for (const file of readdirSync(zoo)
  .filter((f) => f.endsWith('.onnx'))
  .sort()) {
  const path = join(zoo, file);
  const { model } = await readModelFile(path);
  const { card, graph, logits } = inspect(model, { nativeInput: true });
  await writeModelFile(gradient, gradientModel(graph, logits, { loss: 'ce' }));
  const shape = card.input.image as readonly number[];
  const answer = await peer.ask({ do: 'adjoint', model: path, ours: gradient, batch, shape });
  const run = (which: string) => peer.ask({ do: 'runGraph', which });
  const failure = answer.error ?? (await run('onnx-ad')).error;
  if (failure) {
    refused.push({ model: file, why: String(failure) });
    continue;
  }
  versions['onnx-ad'] ??= String(answer['onnx-ad']);
  const samples = await interleaved(rounds, {
    ours: async () => 1000 * (await run('ours')).seconds,
    theirs: async () => 1000 * (await run('onnx-ad')).seconds,
  });
  rows.push({
    model: file,
    convolutional: card.operators.filter(([op]) => op === 'Conv').reduce((n, [, count]) => n + count, 0) > 2,
    ours: median(samples.ours!),
    theirs: median(samples.theirs!),
    samples,
  });
}
peer.close();
rmSync(folder, { recursive: true });

const ratio = (r: { ours: number; theirs: number }) => r.theirs / r.ours;
const summary = (name: string, list: typeof rows) => [
  `${name} (${list.length})`,
  '',
  '',
  `median ${median(list.map(ratio)).toFixed(2)}×, least ${Math.min(...list.map(ratio)).toFixed(2)}×`,
];
process.stdout.write(
  table([
    ['model', 'ours ms', 'onnx-ad ms', 'faster by'],
    ...rows.map((r) => [r.model, r.ours.toFixed(2), r.theirs.toFixed(2), `${ratio(r).toFixed(2)}×`]),
    summary('all', rows),
    summary(
      'convolutional',
      rows.filter((r) => r.convolutional),
    ),
  ]),
);
process.stdout.write(`onnx-ad refuses ${refused.length}: ${refused.map((r) => r.model).join(', ')}\n`);
await keep({
  ...{ benchmark: 'onnx-ad', tool: tool(), machine: machine(), threads, rounds, batch, versions },
  ...{ refused, rows },
});
