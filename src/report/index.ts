/** The door of `src/report`: `result.json`, and its views in the terminal and as a page. */
export { epsilonText, fileName, normText, percent, printable } from './format.ts';
export { buildHeadline, countVerdicts, type Headline } from './headline.ts';
export { type ReportExtras, renderReport } from './html.ts';
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
export { auditTable, type TerminalOptions } from './terminal.ts';
export { confidenceOf, wilsonInterval } from './wilson.ts';
