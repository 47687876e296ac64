/**
 * Input gradients of many small exported classifiers, ours against onnx-ad's, interleaved; both are checked against each
 * other on the way.
 *
 *   node --import tsx benchmarks/onnx-ad.ts ZOO_DIR [--rounds 15] [--batch 16] [--record FILE.json]
 *
 * ZOO_DIR holds what `python -m zoo.make ZOO_DIR` wrote (in test/python).
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { classifierProgram } from '../src/engine/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../src/errors.ts';
import { inspect } from '../src/eval/index.ts';
import { float32, int64 } from '../src/graph/index.ts';
import { machine, readModelFile, tool, writeFileAtomic } from '../src/io/index.ts';
import { key, uniform } from '../src/random/index.ts';
import { interleaved, median, timed } from './measure.ts';
import { startPeer } from './peers/peer.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '15' },
    batch: { type: 'string', default: '16' },
    record: { type: 'string' },
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
const rounds = Number(values.rounds);
const batch = Number(values.batch);
const engine = onnxruntimeEngine();
const { threads } = engine;
const versions: Record<string, string> = { ...engine.versions };
const peer = startPeer(threads);
const rows: { model: string; convolutional: boolean; ours: number; theirs: number; samples: unknown }[] = [];
const refused: { model: string; why: string }[] = [];

for (const file of readdirSync(zoo)
  .filter((f) => f.endsWith('.onnx'))
  .sort()) {
  const path = join(zoo, file);
  const answer = await peer.ask({ do: 'adjoint', model: path, batch });
  const { model } = await readModelFile(path);
  const { card, graph, logits } = inspect(model);
  const shape = card.input.image as readonly number[];
  const ready = answer.error ? answer : await peer.ask({ do: 'runAdjoint', batch, shape });
  if (ready.error) {
    refused.push({ model: file, why: String(ready.error) });
    continue;
  }
  versions['onnx-ad'] ??= String(answer['onnx-ad']);
  const ours = await engine.compile(classifierProgram(graph, 'ce', { logits }));
  const size = shape.reduce((a, b) => a * b, batch);
  const x = float32(uniform(key(1), size, 0, 1), [batch, ...shape]);
  const y = int64(Array.from({ length: batch }, (_, i) => i % 10));
  // A batch size that has come often gets a session of its own.
  for (let i = 0; i < 4; i++) await ours.run({ x, y });
  const samples = await interleaved(rounds, {
    ours: timed(() => ours.run({ x, y })),
    theirs: async () => 1000 * (await peer.ask({ do: 'runAdjoint', batch, shape })).seconds,
  });
  rows.push({
    model: file,
    convolutional: card.operators.filter(([op]) => op === 'Conv').reduce((n, [, count]) => n + count, 0) > 2,
    ours: median(samples.ours!),
    theirs: median(samples.theirs!),
    samples,
  });
  await ours.close();
}
peer.close();

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
if (values.record)
  await writeFileAtomic(
    values.record,
    `${JSON.stringify({ benchmark: 'onnx-ad', tool: tool(), machine: machine(), threads, rounds, batch, versions, refused, rows }, null, 1)}\n`,
  );
