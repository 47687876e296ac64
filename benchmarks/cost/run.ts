/** Projects runs from their phases, and times the same runs. */
import type { Progress } from '../../src/cli/progress.ts';
import { type DataSet, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { machine, tool } from '../../src/io/index.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import type { MethodName } from '../../src/train/index.ts';
import { common } from '../methods/settings.ts';
import { recipeOf } from '../phases/bed.ts';
import type { CostOptions } from './options.ts';
import type { Cost, CostRecord } from './record.ts';
import { timedRun } from './timed-run.ts';

export interface Controls {
  readonly progress: Progress;
  /** Stops after the mini-batch under way; the method's run is lost, those before it are kept. */
  readonly signal: AbortSignal;
  /** After every method, with all that is known by then. */
  readonly onRecord?: (record: CostRecord) => Promise<void>;
}

/**
 * @returns the record; a method that diverges is among its failures
 * @throws TouchstoneError where the request is wrong, or no such engine is set up
 */
export async function benchCost(options: CostOptions, controls: Controls): Promise<CostRecord> {
  const { data: spec, limit, engine: name, device, threads } = options;
  const data = await loadData(spec, 'train', limit === undefined ? {} : { limit });
  const engine = await openEngine({ engine: name, device, ...(threads !== undefined && { threads }) });
  const [costs, failures]: [Cost[], CostRecord['failures']] = [[], []];
  const record = (state: CostRecord['state']) => recordOf(options, { data, engine, costs, failures, state });
  try {
    for (const [i, method] of options.methods.entries()) {
      if (controls.signal.aborted) break;
      try {
        const cost = await costOf(method, options, { data, engine, controls, at: i });
        if (cost) costs.push(cost);
      } catch (error) {
        failures.push({
          method,
          why: String(error instanceof Error ? error.message : error).split('\n')[0]!,
        });
      }
      await controls.onRecord?.(record('running'));
    }
    return record(controls.signal.aborted ? 'interrupted' : 'whole');
  } finally {
    controls.progress.end();
    await engine.close();
  }
}

interface Setting {
  readonly data: DataSet;
  readonly engine: Engine;
  readonly controls: Controls;
  /** Methods before this one. */
  readonly at: number;
}

function costOf(
  method: MethodName,
  { epochs, rounds, seed, methods }: CostOptions,
  { data, engine, controls: { progress, signal }, at }: Setting,
): Promise<Cost | undefined> {
  const { model, batchSize } = common;
  return timedRun({
    ...{ engine, data, rounds, signal },
    recipe: recipeOf(method, data, { model, batchSize, epochs, seed, validation: 0 }),
    onProgress: (share) => progress.update('cost', (at + share) / methods.length, method),
  });
}

interface Known {
  readonly data: DataSet;
  readonly engine: Engine;
  readonly costs: readonly Cost[];
  readonly failures: CostRecord['failures'];
  readonly state: CostRecord['state'];
}

const recordOf = (
  { rounds, seed }: CostOptions,
  { data, engine, costs, failures, state }: Known,
): CostRecord => ({
  benchmark: 'cost',
  schema: 'touchstone-bench-cost/2',
  date: new Date().toISOString(),
  tool: tool(),
  machine: machine(),
  versions: { ...engine.versions },
  ...{ engine: engine.name, device: engine.device, threads: engine.threads },
  ...{ model: common.model, batch: common.batchSize },
  data: { name: data.name, sha256: data.sha256 },
  ...{ rounds, seed, state, failures },
  methods: [...costs],
});
