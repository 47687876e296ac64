/**
 * AutoAttack's standard ensemble, ours against the authors' own code, on the same model and images, in turn in one run: survivors,
 * seconds and image passes, stage by stage.
 *
 *   PYTHONPATH=a checkout of fra31/auto-attack
 *   node --import tsx benchmarks/autoattack.ts --model F.onnx [--data mnist] [--eps 0.1] [--norm linf] [--limit 1000] [--rounds 1] [--record FILE.json]
 *     [--save NAME [--records DIR]]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from 'table';
import { parseNorm, radiusParser } from '../src/cli/norms.ts';
import { parseCount } from '../src/cli/numbers.ts';
import { type DataSet, firstImages, loadData } from '../src/data/index.ts';
import type { Engine } from '../src/engine/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { auditChunk, engineClassifier, type Threat } from '../src/eval/index.ts';
import { int64 } from '../src/graph/index.ts';
import { encodeNpz, machine, tool, writeFileAtomic } from '../src/io/index.ts';
import { key } from '../src/random/index.ts';
import { stagesOf } from '../src/runs/audit-stages.ts';
import { type OpenModel, openModel } from '../src/runs/open-model.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from './keep.ts';
import { median } from './measure.ts';
import { readOptions } from './options.ts';
import { type Peer, startPeer } from './peers/peer.ts';
import { endAt, runBenchmark } from './script.ts';

interface Options extends KeepOptions {
  readonly model: string;
  readonly data: string;
  readonly threat: Threat;
  /** The first so many images. */
  readonly limit: number;
  readonly rounds: number;
}

const DEFAULTS = {
  model: 'runs/demo/model.onnx',
  data: 'mnist',
  eps: '0.1',
  norm: 'linf',
  limit: '1000',
  rounds: '1',
};
const NAMES = [...(Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]), ...KEEP_NAMES] as const;

/** @throws E_OPTION for what it does not know */
function parseOptions(argv: readonly string[]): Options {
  const given = { ...DEFAULTS, ...readOptions(argv, NAMES) };
  const norm = parseNorm(given.norm);
  return {
    ...{ model: given.model, data: given.data },
    threat: { norm, epsilon: radiusParser(norm)(given.eps, 'eps') },
    limit: parseCount(given.limit, 'limit'),
    rounds: parseCount(given.rounds, 'rounds'),
    ...keepOptions(given),
  };
}

/** One run of one side, stage by stage. */
interface Run {
  readonly stages: readonly { readonly attack: string; readonly robust: number; readonly seconds: number }[];
  readonly seconds: number;
  readonly forwards: number;
}
interface Round {
  readonly ours: Run;
  readonly theirs: Run;
}

interface Subject {
  readonly engine: Engine;
  readonly opened: OpenModel;
  readonly data: DataSet;
  readonly options: Options;
}

async function ours({ engine, opened, data, options }: Subject, seed: number): Promise<Run> {
  const { threat, limit: n } = options;
  const { graph, card } = opened.subject;
  const images = firstImages(data, n);
  const classifier = engineClassifier(engine, graph, { classes: card.classes });
  const subject = { classifier, oracle: opened.oracle, counts: engine.counts, maxBatch: 256 };
  const { stages } = stagesOf({ threat, attacks: ['autoattack'] }, card);
  const plan = { threat, stages, curve: [], key: key(seed) };
  const x = { data: images.x, shape: images.shape };
  const outcome = await auditChunk(subject, plan, { index: 0, x, y: images.y });
  const done = outcome.stages.map(({ attack, broken, seconds, forwards }) => {
    const robust = broken.filter((b) => !b).length / n;
    return { attack, robust, seconds, forwards };
  });
  const sum = (of: (stage: (typeof done)[number]) => number) => done.reduce((total, s) => total + of(s), 0);
  return { stages: done, seconds: sum((s) => s.seconds), forwards: sum((s) => s.forwards) };
}

/** Asks, and throws what the peer says went wrong. */
async function asked(peer: Peer, request: Record<string, unknown>): ReturnType<Peer['ask']> {
  const answer = await peer.ask(request);
  if (answer.error) throw new Error(`the peer failed: ${answer.error}`);
  return answer;
}

/** @param file the images, as the peer reads them */
async function theirs(peer: Peer, file: string, { threat, limit }: Options, seed: number): Promise<Run> {
  const { norm, epsilon: eps } = threat;
  const answer = await asked(peer, { do: 'autoattack', data: file, limit, eps, norm, seed });
  return answer as unknown as Run;
}

async function benchAutoattack(options: Options) {
  const engine = onnxruntimeEngine();
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-bench-'));
  const peer = startPeer(engine.threads);
  let opened: OpenModel | undefined;
  try {
    const data = await loadData(options.data, 'test');
    opened = await openModel(options.model, { threads: engine.threads, image: data.shape });
    const { x, y, shape } = firstImages(data, options.limit);
    const file = join(folder, 'images.npz');
    const arrays = { x: { dtype: 'float32', data: x, shape }, y: int64(Array.from(y)) } as const;
    await writeFileAtomic(file, encodeNpz(arrays));
    const loaded = await asked(peer, { do: 'load', weights: options.model, graph: 1 });
    const subject = { engine, opened, data, options };
    const runs: Round[] = [];
    for (let round = 0; round < options.rounds; round++)
      runs.push({ ours: await ours(subject, round), theirs: await theirs(peer, file, options, round) });
    return recordOf(subject, runs, String(loaded.torch));
  } finally {
    peer.close();
    await opened?.close();
    await engine.close();
    rmSync(folder, { recursive: true });
  }
}

const recordOf = ({ engine, opened, data, options }: Subject, runs: readonly Round[], torch: string) => ({
  benchmark: 'autoattack' as const,
  model: { path: options.model, sha256: opened.file.sha256 },
  data: { name: data.name, split: data.split, n: options.limit },
  threat: options.threat,
  tool: tool(),
  machine: machine(),
  threads: engine.threads,
  versions: { ...engine.versions, torch },
  oursOverTheirs: median(runs.map((r) => r.ours.seconds / r.theirs.seconds)),
  runs,
});
type AutoattackRecord = ReturnType<typeof recordOf>;

function autoattackTable({ runs, threat, data, oursOverTheirs }: AutoattackRecord): string {
  const { ours: mine, theirs: reference } = runs[0]!;
  const percent = (share: number) => (100 * share).toFixed(1);
  const rows = mine.stages.map((stage, i) => {
    const other = reference.stages[i]!;
    const seconds = [stage, other].map((s) => s.seconds.toFixed(1));
    return [stage.attack, percent(stage.robust), percent(other.robust), ...seconds];
  });
  const count = ({ forwards }: Run) => forwards.toLocaleString('en');
  return table([
    [
      `AutoAttack, ${threat.norm}, ε ${threat.epsilon}, ${data.n} images`,
      ...['ours: robust %', 'reference', 'ours: seconds', 'reference'],
    ],
    ...rows,
    ['all', '', '', mine.seconds.toFixed(1), reference.seconds.toFixed(1)],
    ['images forward', count(mine), count(reference), '', ''],
    ['ours ÷ reference (median)', '', '', oursOverTheirs.toFixed(3), ''],
  ]);
}

await runBenchmark<Options, AutoattackRecord>({
  name: 'autoattack',
  parse: parseOptions,
  run(options, { signal }) {
    endAt(signal);
    return benchAutoattack(options);
  },
  table: autoattackTable,
  isFailed: () => false,
});
