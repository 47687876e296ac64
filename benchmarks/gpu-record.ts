/**
 * The record of benchmarks/gpu.sh, from what its steps have left so far.
 *
 *   node --import tsx benchmarks/gpu-record.ts WORK_DIR FILE.json
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { TouchstoneError } from '../src/errors.ts';
import { machine, packageRoot, tool, writeFileAtomic } from '../src/io/index.ts';
import { enginesRecord } from './engines/record.ts';

const count = z.int().nonnegative();

const conformance = z.object({
  suite: z.string(),
  passed: count,
  failed: count,
  skipped: count,
  failures: z.array(z.object({ test: z.string(), why: z.string() })),
});

export const gpuRecord = z.object({
  benchmark: z.literal('gpu'),
  date: z.iso.datetime(),
  device: z.enum(['cuda', 'cpu']).describe('cpu: a rehearsal'),
  gpu: z.string(),
  driver: z.string().describe('version, memory'),
  tool: enginesRecord.shape.tool,
  machine: enginesRecord.shape.machine,
  steps: z.array(
    z.object({
      name: z.string(),
      exit: z.int().describe('124: its time was over'),
      seconds: count,
      budget: count.describe('the seconds it could take'),
    }),
  ),
  conformance: z.array(conformance).describe('with TF32 off, against the CPU'),
  engines: z.array(enginesRecord).describe('with TF32 as each engine has it by default'),
});
export type GpuRecord = z.infer<typeof gpuRecord>;

/** What is read of vitest's JSON report. */
const report = z.object({
  numPassedTests: count,
  numFailedTests: count,
  numPendingTests: count,
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

/**
 * @param work the steps' folder: `gpu` (device, name, driver in lines), `steps` (name, exit, seconds, budget in columns),
 * `*.vitest.json`, `*.engines.json`
 * @throws z.ZodError where a file is not what a step writes
 */
export function gpuRecordOf(work: string): GpuRecord {
  const lines = (name: string) => {
    const file = join(work, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  };
  const [device, gpu, driver = ''] = lines('gpu');
  return gpuRecord.parse({
    benchmark: 'gpu',
    date: new Date().toISOString(),
    device,
    gpu,
    driver,
    tool: tool(),
    machine: machine(),
    steps: lines('steps').map((line) => {
      const [name, ...numbers] = line.split('\t');
      const [exit, seconds, budget] = numbers.map(Number);
      return { name, exit, seconds, budget };
    }),
    conformance: written(work, '.vitest.json').map(([suite, json]) => conformanceOf(suite, json)),
    engines: written(work, '.engines.json').map(([, json]) => json),
  });
}

/** Files by how they end, in alphabetical order, with their contents. */
const written = (work: string, end: string): [name: string, json: unknown][] =>
  readdirSync(work)
    .filter((file) => file.endsWith(end))
    .sort()
    .map((file) => [file.slice(0, -end.length), JSON.parse(readFileSync(join(work, file), 'utf8'))]);

function conformanceOf(suite: string, json: unknown): z.infer<typeof conformance> {
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = report.parse(json);
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status === 'failed');
    // A file that does not load has no tests, and fails all the same.
    if (tests.length === 0 && status === 'failed')
      return [{ test: relative(packageRoot(), name), why: firstLine(message ?? 'it does not load') }];
    return tests.map((test) => ({ test: test.fullName, why: firstLine(test.failureMessages[0] ?? '') }));
  });
  return { suite, passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests, failures };
}

const firstLine = (text: string): string => stripVTControlCharacters(text).split('\n')[0]!.slice(0, 300);

async function main([work, file]: readonly string[]): Promise<void> {
  if (!work || !file)
    throw new TouchstoneError('E_OPTION', 'no folder or no file', 'benchmarks/gpu-record.ts WORK_DIR FILE');
  await writeFileAtomic(file, `${JSON.stringify(gpuRecordOf(work), null, 1)}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
