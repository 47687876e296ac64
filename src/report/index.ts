/** The door of `src/report`: `result.json`, and its views in the terminal and as a page. */
export { renderComparison } from './comparison/html.ts';
export {
  COMPARISON_SCHEMA,
  type Comparison,
  type ComparisonCell,
  comparisonJsonSchema,
  parseComparison,
} from './comparison/schema.ts';
export { tablesOf } from './comparison/statistics.ts';
export { comparisonTable } from './comparison/terminal.ts';
export { epsilonText, fileName, normText, percent, printable } from './format.ts';
export { buildHeadline, countVerdicts, type Headline } from './headline.ts';
export { type ReportExtras, renderReport } from './html.ts';
export { auditMarkdown } from './markdown.ts';
export { type RobustBenchEntry, robustBenchEntry } from './robustbench.ts';
export {
  type AttackResult,
  type CheckResult,
  type Environment,
  type EpochRecord,
  type Norm,
  type PerClassResult,
  parseResult,
  RESULT_SCHEMA,
  type Result,
  resultJsonSchema,
  resultSchema,
  type SweepPoint,
  type TrainingRecord,
  type Verdict,
  type VerifierResult,
} from './schema.ts';
export type { ReportExample } from './sections/examples.ts';
export { renderSweep } from './sweep/html.ts';
export { parseSweep, SWEEP_SCHEMA, type SweepResult, sweepJsonSchema } from './sweep/schema.ts';
export { sweepTable } from './sweep/terminal.ts';
export { auditTable, type TerminalOptions } from './terminal.ts';
export { renderTransfer } from './transfer/html.ts';
export {
  parseTransfer,
  TRANSFER_SCHEMA,
  type TransferResult,
  transferJsonSchema,
} from './transfer/schema.ts';
export { transferTable } from './transfer/terminal.ts';
export { confidenceOf, wilsonInterval } from './wilson.ts';
