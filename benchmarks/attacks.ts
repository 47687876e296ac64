/**
 * A whole PGD attack on 1,000 MNIST images, ours against torchattacks', on the same model, interleaved in one run.
 *
 *   node --import tsx benchmarks/attacks.ts --model runs/demo/model.onnx [--rounds 5] [--record FILE.json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { firstImages, loadData } from '../src/data/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { attacks, engineClassifier, inspect } from '../src/eval/index.ts';
import { int64 } from '../src/graph/index.ts';
import { encodeNpz, machine, readModelFile, tool, writeFileAtomic } from '../src/io/index.ts';
import { key } from '../src/random/index.ts';
import { interleaved, median } from './measure.ts';
import { startPeer } from './peers/peer.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'runs/demo/model.onnx' },
    rounds: { type: 'string', default: '5' },
    limit: { type: 'string', default: '1000' },
    record: { type: 'string' },
  },
});
const n = Number(values.limit);
const [epsilon, stepSize, steps] = [0.1, 0.01, 40];
const engine = onnxruntimeEngine();
const { model, sha256 } = await readModelFile(values.model);
const { card, graph } = inspect(model);
const images = firstImages(await loadData('mnist', 'test'), n);
const x = { data: images.x, shape: images.shape };
const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
const data = join(folder, 'images.npz');
await writeFileAtomic(data, encodeNpz({ x: { dtype: 'float32', ...x }, y: int64(Array.from(images.y)) }));
const peer = startPeer(engine.threads);
const classifier = engineClassifier(engine, graph, { classes: card.classes });
const robust: Record<string, number> = {};

try {
  const versions = await peer.ask({ do: 'load', weights: values.model });
  let round = 0;
  const samples = await interleaved(Number(values.rounds), {
    async touchstone() {
      const start = performance.now();
      const output = await attacks.pgd.run({
        classifier,
        x,
        y: images.y,
        threat: { norm: 'linf', epsilon },
        parameters: { steps, stepSize, restarts: 1 },
        key: key(round++),
      });
      const milliseconds = performance.now() - start;
      robust.touchstone = output.broken.filter((b) => !b).length / n;
      return milliseconds;
    },
    async torchattacks() {
      const answer = await peer.ask({ do: 'pgd', data, limit: n, eps: epsilon, alpha: stepSize, steps });
      if (answer.error) throw new Error(`the peer failed: ${answer.error}`);
      robust.torchattacks = answer.robustAccuracy as number;
      return 1000 * answer.seconds;
    },
  });
  const [ours, theirs] = [median(samples.touchstone!), median(samples.torchattacks!)];
  process.stdout.write(
    table([
      [`PGD-${steps}, ε ${epsilon}, ${n} images`, 'seconds (median)', 'robust accuracy'],
      ['touchstone', (ours / 1000).toFixed(2), `${(100 * robust.touchstone!).toFixed(1)} %`],
      ['torchattacks', (theirs / 1000).toFixed(2), `${(100 * robust.torchattacks!).toFixed(1)} %`],
      ['we are faster by', `${(theirs / ours).toFixed(2)}×`, ''],
    ]),
  );
  if (values.record) {
    const record = {
      benchmark: 'attacks',
      attack: { name: 'pgd', steps, stepSize, epsilon, images: n },
      model: { path: values.model, sha256 },
      tool: tool(),
      machine: machine(),
      threads: engine.threads,
      versions: { ...engine.versions, torch: versions.torch },
      medians: { touchstone: ours, torchattacks: theirs },
      faster: theirs / ours,
      robust,
      samples,
    };
    await writeFileAtomic(values.record, `${JSON.stringify(record, null, 1)}\n`);
  }
} finally {
  peer.close();
  await engine.close();
  rmSync(folder, { recursive: true });
}
