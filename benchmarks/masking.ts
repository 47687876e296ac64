/**
 * Do the checks find broken defences, and leave honest models alone? Models by checks, and each one's verdict.
 *
 *   node --import tsx benchmarks/masking.ts [--limit 200] [--models a,b] [--record FILE.json]
 *     [--model F.onnx [--data mnist] [--eps 0.1]]   that model and the defences around it, in place of the zoo
 */
import { parseArgs } from 'node:util';
import { parseCount, parseList, parseRadius } from '../src/cli/numbers.ts';
import { onnxruntimeEngine } from '../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../src/errors.ts';
import { checks } from '../src/eval/index.ts';
import { machine, tool, writeFileAtomic } from '../src/io/index.ts';
import { maskingAudit } from './masking/audit.ts';
import { type Subject, subjects, subjectsAround } from './masking/models.ts';
import { asExpected, type MaskingRecord, maskingRecord, type Row } from './masking/record.ts';
import { maskingTable } from './masking/table.ts';

const SEED = 0;
const ATTACKS = {
  noise: {},
  fgsm: {},
  pgd: {},
  'pgd-margin': {},
  'apgd-t': { steps: 50, targets: 3 },
  square: { queries: 2000 },
} as const;

const { values } = parseArgs({
  options: {
    limit: { type: 'string' },
    models: { type: 'string' },
    record: { type: 'string' },
    model: { type: 'string' },
    data: { type: 'string', default: 'mnist' },
    eps: { type: 'string', default: '0.1' },
  },
});
const images = values.limit === undefined ? 200 : parseCount(values.limit, 'limit');
const engine = onnxruntimeEngine();
try {
  const rows: Row[] = [];
  const { model: path, data, eps } = values;
  const all =
    path === undefined
      ? await subjects(engine, images)
      : await subjectsAround({ path, data, epsilon: parseRadius(eps, 'eps', 1) }, images);
  for (const subject of chosen(all, values.models)) {
    process.stderr.write(`${subject.name} …\n`);
    rows.push(await rowOf(subject));
  }
  process.stdout.write(maskingTable(rows, Object.keys(checks)));
  const record: MaskingRecord = {
    benchmark: 'masking',
    tool: tool(),
    machine: machine(),
    threads: engine.threads,
    images,
    seed: SEED,
    versions: { ...engine.versions },
    rows,
  };
  if (values.record)
    await writeFileAtomic(values.record, `${JSON.stringify(maskingRecord.parse(record), null, 1)}\n`);
  process.exitCode = rows.every((r) => r.asExpected) ? 0 : 1;
} catch (error) {
  if (!(error instanceof TouchstoneError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
} finally {
  await engine.close();
}

function chosen(all: readonly Subject[], names: string | undefined): Subject[] {
  if (names === undefined) return [...all];
  return parseList(names).map((name) => {
    const found = all.find((s) => s.name === name);
    if (!found) throw new TouchstoneError('E_OPTION', `--models ${name}`, all.map((s) => s.name).join(', '));
    return found;
  });
}

async function rowOf({ name, about, check, threat, graph, pictures }: Subject): Promise<Row> {
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
