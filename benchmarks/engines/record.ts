/** The record of `bench engines`. */
import { z } from 'zod';
import { median, quantile } from '../measure.ts';
import { machineShape, toolShape } from '../origin.ts';
import { phaseNames } from './phases.ts';

const count = z.int().nonnegative();
const milliseconds = z.number().positive();
const ratio = z.number().positive().nullable();

const row = z.object({
  model: z.string(),
  batch: z.int().positive(),
  phase: z.enum(phaseNames),
  engine: z.string().describe('with its variant, where it has several'),
  device: z.enum(['cpu', 'cuda']),
  n: z.int().positive().describe('runs that were timed'),
  median: milliseconds,
  quartiles: z.tuple([milliseconds, milliseconds]).describe('first and third'),
  forward: count.describe('passes through the network in one run, as counted meanwhile'),
  backward: count.describe('the same, backwards'),
  overForward: ratio.describe('median ÷ that of the same engine’s forward'),
  overOnnxruntime: ratio.describe('median ÷ that of onnxruntime in the same phase'),
  overPytorch: ratio.describe('median ÷ that of PyTorch’s fastest variant in the same phase'),
  samples: z.array(milliseconds),
});

export const enginesRecord = z.object({
  benchmark: z.literal('engines'),
  tool: toolShape,
  machine: machineShape,
  gpus: z.array(z.string()).describe('where one of the engines ran on them'),
  tf32: z.boolean().describe('whether GPUs may round factors to TF32'),
  threads: z.int().positive(),
  rounds: z.int().positive().describe('asked for; a time limit may have left fewer'),
  versions: z.record(z.string(), z.string()),
  leftOut: z.array(z.object({ engine: z.string(), why: z.string() })),
  failures: z.array(
    z.object({ model: z.string(), engine: z.string(), phase: z.string().nullable(), why: z.string() }),
  ),
  rows: z.array(row),
  rule: z.string().optional().describe('by which `bench compare` says of two rows which is faster'),
});

export type EnginesRecord = z.infer<typeof enginesRecord>;
export type Row = z.infer<typeof row>;

/** What was measured of one engine in one phase. */
export interface Measured
  extends Pick<Row, 'phase' | 'engine' | 'device' | 'forward' | 'backward' | 'samples'> {
  /** Which engine, whatever its variant. */
  readonly of: string;
}

/** Rows of one model, with what they are to each other. */
export function rowsOf(model: string, batch: number, measured: readonly Measured[]): Row[] {
  const fastest = (those: readonly Measured[]): number | null =>
    those.length === 0 ? null : Math.min(...those.map((m) => median(m.samples)));
  return measured.map(({ of: _, ...m }) => {
    const middle = median(m.samples);
    const over = (other: number | null) => (other === null ? null : middle / other);
    const same = measured.filter((other) => other.phase === m.phase);
    const of = (name: string) => same.filter((other) => other.of === name);
    const forwards = measured.filter((other) => other.phase === 'forward' && other.engine === m.engine);
    return {
      model,
      batch,
      phase: m.phase,
      engine: m.engine,
      device: m.device,
      n: m.samples.length,
      median: middle,
      quartiles: [quantile(m.samples, 0.25), quantile(m.samples, 0.75)],
      forward: m.forward,
      backward: m.backward,
      overForward: over(fastest(forwards)),
      overOnnxruntime: over(fastest(of('onnxruntime'))),
      overPytorch: over(fastest(of('pytorch'))),
      samples: m.samples,
    };
  });
}
