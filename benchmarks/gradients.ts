/**
 * Input gradients against forward passes, ours and PyTorch's, interleaved in one run.
 *
 *   node --import tsx benchmarks/gradients.ts [--rounds 15] [--record FILE.json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { architectures } from '../models/index.ts';
import { classifierProgram, logitsProgram } from '../src/engine/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { foldBatchNorm, int64, toModel } from '../src/graph/index.ts';
import { machine, tool, writeFileAtomic, writeModelFile } from '../src/io/index.ts';
import { key, uniform } from '../src/random/index.ts';
import { interleaved, median, timed } from './measure.ts';
import { startPeer } from './peers/peer.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, record: { type: 'string' } },
});
const rounds = Number(values.rounds);
const engine = onnxruntimeEngine();
const peer = startPeer(engine.threads);
const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
const rows: Record<string, unknown>[] = [];

try {
  for (const [name, batch] of [
    ['mnist-cnn', 512],
    ['resnet18', 32],
  ] as const) {
    const architecture = architectures[name]!;
    const trained = architecture.build(key(0));
    const weights = join(folder, `${name}.onnx`);
    await writeModelFile(weights, toModel(trained));
    const graph = foldBatchNorm(trained);
    const forward = await engine.compile(logitsProgram(graph));
    const gradient = await engine.compile(classifierProgram(graph, 'ce'));
    const shape = [batch, ...architecture.input];
    const x = {
      dtype: 'float32',
      shape,
      data: uniform(
        key(1),
        shape.reduce((a, b) => a * b, 1),
        0,
        1,
      ),
    } as const;
    const y = int64(Array.from({ length: batch }, (_, i) => i % 10));
    const request = { batch, shape: architecture.input };
    for (const fuse of name === 'resnet18' ? [true, false] : [false]) {
      const versions = await peer.ask({ do: 'load', architecture: name, weights, fuse });
      const samples = await interleaved(rounds, {
        forward: timed(() => forward.run({ x })),
        gradient: timed(() => gradient.run({ x, y })),
        torchForward: async () => 1000 * (await peer.ask({ do: 'forward', ...request })).seconds,
        torchGradient: async () => 1000 * (await peer.ask({ do: 'gradient', ...request })).seconds,
      });
      const m = Object.fromEntries(Object.entries(samples).map(([k, v]) => [k, median(v)])) as Record<
        string,
        number
      >;
      rows.push({
        model: name,
        batch,
        peer: `PyTorch ${versions.torch}, NCHW, parameters frozen${fuse ? ', BatchNorm fused' : ''}`,
        medians: m,
        gradientOverForward: m.gradient! / m.forward!,
        fasterThanTorch: m.torchGradient! / m.gradient!,
        samples,
      });
    }
    await forward.close();
    await gradient.close();
  }
} finally {
  peer.close();
  await engine.close();
  rmSync(folder, { recursive: true });
}

const ms = (n: unknown) => (n as number).toFixed(1);
process.stdout.write(
  table([
    [
      'model',
      'peer',
      'forward ms',
      'gradient ms',
      '÷ forward',
      'torch forward',
      'torch gradient',
      'we are faster by',
    ],
    ...rows.map((r) => {
      const m = r.medians as Record<string, number>;
      const ratio = (r.gradientOverForward as number).toFixed(2);
      const faster = `${(r.fasterThanTorch as number).toFixed(2)}×`;
      return [
        r.model,
        r.peer,
        ms(m.forward),
        ms(m.gradient),
        ratio,
        ms(m.torchForward),
        ms(m.torchGradient),
        faster,
      ];
    }),
  ]),
);
if (values.record)
  await writeFileAtomic(
    values.record,
    `${JSON.stringify({ benchmark: 'gradients', tool: tool(), machine: machine(), threads: engine.threads, rounds, versions: engine.versions, rows }, null, 1)}\n`,
  );
