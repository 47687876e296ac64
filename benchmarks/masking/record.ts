/** The record of `bench masking`. */
import { z } from 'zod';
import { machineShape, toolShape } from '../origin.ts';

const share = z.number().min(0).max(1);
const verdict = z.enum(['pass', 'warn', 'fail']);

const row = z.object({
  model: z.string(),
  about: z.string(),
  expected: z.string().nullable().describe('the check that must fail; null: none may'),
  asExpected: z.boolean(),
  epsilon: z.number().positive(),
  robustAccuracy: share,
  attacks: z.array(z.object({ name: z.string(), robustAccuracy: share, error: z.string().optional() })),
  checks: z.array(
    z.object({
      id: z.string(),
      verdict,
      figures: z.record(z.string(), z.union([z.number(), z.string()])),
      message: z.string(),
    }),
  ),
  belief: z.enum(['believable', 'doubtful', 'not believable']),
  reasons: z.array(z.string()),
  seconds: z.number().positive(),
});

export const maskingRecord = z.object({
  benchmark: z.literal('masking'),
  tool: toolShape,
  machine: machineShape,
  threads: z.int().positive(),
  images: z.int().positive(),
  seed: z.int(),
  versions: z.record(z.string(), z.string()),
  rows: z.array(row),
});

export type MaskingRecord = z.infer<typeof maskingRecord>;
export type Row = z.infer<typeof row>;

type Verdict = z.infer<typeof verdict>;
interface Found {
  readonly id: string;
  readonly verdict: Verdict;
}

/** Whether the check that is meant for a model failed; of a model without fault, whether none did. */
export const asExpected = (check: string | undefined, findings: readonly Found[]): boolean =>
  check === undefined
    ? findings.every((f) => f.verdict !== 'fail')
    : findings.some((f) => f.id === check && f.verdict === 'fail');
