/**
 * Do the checks find broken defences, and leave honest models alone? Models by checks, and each one's verdict.
 *
 *   node --import tsx benchmarks/masking.ts [--limit 200] [--models a,b] [--record FILE.json] [--save NAME [--records DIR]]
 *     [--model F.onnx [--data mnist] [--eps 0.1]]   that model and the defences around it, in place of the zoo
 */
import { parseCount, parseList, parseRadius } from '../src/cli/numbers.ts';
import type { Engine } from '../src/engine/index.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../src/errors.ts';
import { checks } from '../src/eval/index.ts';
import { machine, tool } from '../src/io/index.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from './keep.ts';
import { maskingAudit } from './masking/audit.ts';
import { type Subject, subjects, subjectsAround } from './masking/models.ts';
import { asExpected, type MaskingRecord, maskingRecord, type Row } from './masking/record.ts';
import { maskingTable } from './masking/table.ts';
import { readOptions } from './options.ts';
import { endAt, runBenchmark } from './script.ts';

const SEED = 0;
const ATTACKS = {
  noise: {},
  fgsm: {},
  pgd: {},
  'pgd-margin': {},
  'apgd-t': { steps: 50, targets: 3 },
  square: { queries: 2000 },
} as const;

interface Given extends KeepOptions {
  readonly images: number;
  readonly models?: string;
  /** The model in place of the zoo. */
  readonly around?: { readonly path: string; readonly data: string; readonly epsilon: number };
}

/** @throws E_OPTION for what it does not know */
function parseOptions(argv: readonly string[]): Given {
  const names = ['limit', 'models', 'model', 'data', 'eps', ...KEEP_NAMES] as const;
  const { limit, models, model: path, data = 'mnist', eps = '0.1', ...kept } = readOptions(argv, names);
  const epsilon = parseRadius(eps, 'eps', 1);
  return {
    images: limit === undefined ? 200 : parseCount(limit, 'limit'),
    ...(models !== undefined && { models }),
    ...(path !== undefined && { around: { path, data, epsilon } }),
    ...keepOptions(kept),
  };
}

async function benchMasking({ images, models, around }: Given): Promise<MaskingRecord> {
  const engine = onnxruntimeEngine();
  try {
    const rows: Row[] = [];
    const all = around ? await subjectsAround(around, images) : await subjects(engine, images);
    for (const subject of chosen(all, models)) {
      process.stderr.write(`${subject.name} …\n`);
      rows.push(await rowOf(engine, subject));
    }
    return maskingRecord.parse({
      benchmark: 'masking',
      tool: tool(),
      machine: machine(),
      threads: engine.threads,
      images,
      seed: SEED,
      versions: { ...engine.versions },
      rows,
    });
  } finally {
    await engine.close();
  }
}

await runBenchmark<Given, MaskingRecord>({
  name: 'masking',
  parse: parseOptions,
  run(options, { signal }) {
    endAt(signal);
    return benchMasking(options);
  },
  table: ({ rows }) => maskingTable(rows, Object.keys(checks)),
  isFailed: ({ rows }) => rows.some((r) => !r.asExpected),
});

function chosen(all: readonly Subject[], names: string | undefined): Subject[] {
  if (names === undefined) return [...all];
  return parseList(names).map((name) => {
    const found = all.find((s) => s.name === name);
    if (!found) throw new TouchstoneError('E_OPTION', `--models ${name}`, all.map((s) => s.name).join(', '));
    return found;
  });
}

async function rowOf(engine: Engine, { name, about, check, threat, graph, pictures }: Subject): Promise<Row> {
  const start = performance.now();
  const options = { engine, ...pictures, threat, attacks: ATTACKS, seed: SEED };
  const { figures, findings, judgement } = await maskingAudit(graph, options);
  const share = (list: readonly boolean[]): number => list.filter(Boolean).length / figures.n;
  return {
    model: name,
    about,
    expected: check ?? null,
    asExpected: asExpected(check, findings),
    epsilon: threat.epsilon,
    robustAccuracy: share(figures.robust),
    attacks: figures.stages.map(({ attack, broken, error }) => ({
      name: attack,
      robustAccuracy: 1 - share(broken),
      ...(error === undefined ? {} : { error }),
    })),
    checks: findings.map(({ title: _, figures: numbers, ...f }) => ({ ...f, figures: { ...numbers } })),
    belief: judgement.belief,
    reasons: [...judgement.reasons],
    seconds: (performance.now() - start) / 1000,
  };
}
