/**
 * Damaged model files through reader, inference and differentiation.
 *
 *   npm run fuzz -- [--count 200000] [--from 0] [--corpus DIR] [--workers 2]
 *
 * The corpus is what test/fuzz/corpus.ts builds, and any .onnx files below 64 KiB in DIR. Each file must end in a typed
 * error or in a valid gradient graph, within 2 s. Exit code 1 where one does not; the seed says which.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { builtCorpus } from './corpus.ts';
import { OUTCOMES, type Shared } from './worker.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200000' },
    from: { type: 'string', default: '0' },
    corpus: { type: 'string' },
    workers: { type: 'string', default: '2' },
  },
});
const HANG = 2000;
const workers = Number(values.workers);
const from = Number(values.from);
const to = from + Number(values.count);
const files = values.corpus
  ? readdirSync(values.corpus, { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.onnx'))
      .sort()
      .map((f) => new Uint8Array(readFileSync(join(values.corpus!, f))))
      .filter((b) => b.length < 65_536)
  : [];
const corpus = [...builtCorpus(), ...files];
console.log(`${corpus.length} files, seeds ${from} to ${to - 1}`);

interface Finding {
  readonly seed: number;
  readonly why: string;
}
const findings: Finding[] = [];
const counts = new Map<string, number>(OUTCOMES.map((o) => [o, 0]));
let slowest = { seed: -1, milliseconds: 0 };

/** Every `workers`-th seed. Where one hangs or takes the worker down, it is noted, and another worker goes on behind it. */
async function lane(first: number): Promise<void> {
  let next = first;
  while (next < to) {
    const shared: Shared = new Int32Array(new SharedArrayBuffer(4 * (1 + OUTCOMES.length)));
    shared[0] = -1;
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: { corpus, from: next, to, step: workers, shared },
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    const ended = await new Promise<string>((resolve) => {
      worker.on('message', (m: Finding | { slowest: typeof slowest }) => {
        if ('why' in m) findings.push(m);
        else if (m.slowest.milliseconds > slowest.milliseconds) slowest = m.slowest;
      });
      worker.once('error', (error) => resolve(`took the worker down: ${error.message}`));
      worker.once('exit', () => resolve('done'));
      let [seen, since] = [-1, performance.now()];
      const watch = setInterval(() => {
        const at = Atomics.load(shared, 0);
        if (at !== seen) [seen, since] = [at, performance.now()];
        else if (performance.now() - since > 5 * HANG) resolve(`hung for ${5 * HANG} ms`);
      }, 100);
      worker.once('exit', () => clearInterval(watch));
    });
    await worker.terminate();
    for (const [i, o] of OUTCOMES.entries()) counts.set(o, counts.get(o)! + Atomics.load(shared, 1 + i));
    if (ended === 'done') return;
    const seed = Atomics.load(shared, 0);
    if (seed < 0) throw new Error(`a worker did not start: ${ended}`);
    findings.push({ seed, why: ended });
    next = seed + workers;
  }
}

const started = performance.now();
await Promise.all(Array.from({ length: workers }, (_, k) => lane(from + k)));
for (const { seed, why } of findings.slice(0, 40)) console.log(`seed ${seed}: ${why}`);
console.log(
  JSON.stringify({
    ...Object.fromEntries(counts),
    bad: findings.length,
    slowest: { seed: slowest.seed, milliseconds: Math.round(slowest.milliseconds) },
    peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    seconds: Math.round((performance.now() - started) / 1000),
  }),
);
process.exitCode = findings.length > 0 || slowest.milliseconds > HANG ? 1 : 0;
