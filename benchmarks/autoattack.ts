/**
 * AutoAttack's standard ensemble, ours against the authors' own code, on the same model and images, in turn in one run: survivors,
 * seconds and image passes, stage by stage.
 *
 *   PYTHONPATH=a checkout of fra31/auto-attack
 *   node --import tsx benchmarks/autoattack.ts --model F.onnx [--data mnist] [--eps 0.1] [--norm linf] [--limit 1000] [--rounds 1] [--record FILE.json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { parseCount, parseRadius } from '../src/cli/numbers.ts';
import { firstImages, loadData } from '../src/data/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { auditChunk, engineClassifier, type Norm } from '../src/eval/index.ts';
import { int64 } from '../src/graph/index.ts';
import { encodeNpz, machine, tool, writeFileAtomic } from '../src/io/index.ts';
import { key } from '../src/random/index.ts';
import { stagesOf } from '../src/runs/audit-stages.ts';
import { openModel } from '../src/runs/open-model.ts';
import { median } from './measure.ts';
import { startPeer } from './peers/peer.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'runs/demo/model.onnx' },
    data: { type: 'string', default: 'mnist' },
    eps: { type: 'string', default: '0.1' },
    norm: { type: 'string', default: 'linf' },
    limit: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '1' },
    record: { type: 'string' },
  },
});
const n = parseCount(values.limit, 'limit');
const norm = values.norm as Norm;
const threat = { norm, epsilon: parseRadius(values.eps, 'eps', 1000) };
const engine = onnxruntimeEngine();
const data = await loadData(values.data, 'test');
const opened = await openModel(values.model, { threads: engine.threads, image: data.shape });
const { graph, card } = opened.subject;
const images = firstImages(data, n);
const x = { data: images.x, shape: images.shape };
const { stages } = stagesOf({ threat, attacks: ['autoattack'] }, card);
const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
const file = join(folder, 'images.npz');
await writeFileAtomic(file, encodeNpz({ x: { dtype: 'float32', ...x }, y: int64(Array.from(images.y)) }));

/** One run of one side, stage by stage. */
interface Run {
  readonly stages: readonly { readonly attack: string; readonly robust: number; readonly seconds: number }[];
  readonly seconds: number;
  readonly forwards: number;
}

async function ours(seed: number): Promise<Run> {
  const classifier = engineClassifier(engine, graph, { classes: card.classes });
  const subject = { classifier, oracle: opened.oracle, counts: engine.counts, maxBatch: 256 };
  const plan = { threat, stages, curve: [], key: key(seed) };
  const outcome = await auditChunk(subject, plan, { index: 0, x, y: images.y });
  const done = outcome.stages.map(({ attack, broken, seconds, forwards }) => {
    const robust = broken.filter((b) => !b).length / n;
    return { attack, robust, seconds, forwards };
  });
  const sum = (of: (stage: (typeof done)[number]) => number) => done.reduce((total, s) => total + of(s), 0);
  return { stages: done, seconds: sum((s) => s.seconds), forwards: sum((s) => s.forwards) };
}

const peer = startPeer(engine.threads);
const theirs = async (seed: number): Promise<Run> => {
  const request = { do: 'autoattack', data: file, limit: n, eps: threat.epsilon, norm, seed };
  const answer = await peer.ask(request);
  if (answer.error) throw new Error(`the peer failed: ${answer.error}`);
  return answer as unknown as Run;
};

try {
  const loaded = await peer.ask({ do: 'load', weights: values.model, graph: 1 });
  if (loaded.error) throw new Error(`the peer failed: ${loaded.error}`);
  const runs: { ours: Run; theirs: Run }[] = [];
  for (let round = 0; round < parseCount(values.rounds, 'rounds'); round++)
    runs.push({ ours: await ours(round), theirs: await theirs(round) });
  const ratio = median(runs.map((r) => r.ours.seconds / r.theirs.seconds));
  const [{ ours: mine, theirs: reference }] = runs as [(typeof runs)[number]];
  const percent = (share: number) => (100 * share).toFixed(1);
  const rows = mine.stages.map((stage, i) => {
    const other = reference.stages[i]!;
    return [
      stage.attack,
      percent(stage.robust),
      percent(other.robust),
      stage.seconds.toFixed(1),
      other.seconds.toFixed(1),
    ];
  });
  process.stdout.write(
    table([
      [
        `AutoAttack, ${norm}, ε ${values.eps}, ${n} images`,
        'ours: robust %',
        'reference',
        'ours: seconds',
        'reference',
      ],
      ...rows,
      ['all', '', '', mine.seconds.toFixed(1), reference.seconds.toFixed(1)],
      ['images forward', mine.forwards.toLocaleString('en'), reference.forwards.toLocaleString('en'), '', ''],
      ['ours ÷ reference (median)', '', '', ratio.toFixed(3), ''],
    ]),
  );
  if (values.record) {
    const record = {
      benchmark: 'autoattack',
      model: { path: values.model, sha256: opened.file.sha256 },
      data: { name: data.name, split: data.split, n },
      threat,
      tool: tool(),
      machine: machine(),
      threads: engine.threads,
      versions: { ...engine.versions, torch: loaded.torch },
      oursOverTheirs: ratio,
      runs,
    };
    await writeFileAtomic(values.record, `${JSON.stringify(record, null, 1)}\n`);
  }
} finally {
  peer.close();
  await opened.close();
  await engine.close();
  rmSync(folder, { recursive: true });
}
