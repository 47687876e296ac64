import type { ArgsDef, ParsedArgs } from 'citty';
import { writeFileAtomic } from '../io/index.ts';
import type { Result } from '../report/index.ts';
import type { Context } from './common.ts';
import { parseShare } from './numbers.ts';

/** What may be made of an audit's result, in one piece or merged. */
export const outcomeArgs = {
  summary: { type: 'string', description: 'write a summary in Markdown to FILE', valueHint: 'FILE' },
  robustbench: { type: 'string', description: 'write an entry for RobustBench to FILE', valueHint: 'FILE' },
  'min-robust': { type: 'string', description: 'exit 1 below this robust accuracy', valueHint: 'SHARE' },
} as const satisfies ArgsDef;

type OutcomeArgs = ParsedArgs<typeof outcomeArgs> & { readonly out: string | undefined };

/** The least robust accuracy that is good enough. @throws E_OPTION */
export const barOf = (args: OutcomeArgs): number =>
  args['min-robust'] === undefined ? 0 : parseShare(args['min-robust'], 'min-robust');

/** Writes and prints it. @returns the exit code */
export async function tellOutcome(
  result: Result,
  args: OutcomeArgs,
  context: Context,
  bar: number,
): Promise<number> {
  context.progress.end();
  await context.json(result);
  const { auditMarkdown, auditTable, robustBenchEntry } = await import('../report/index.ts');
  if (args.summary !== undefined) await writeFileAtomic(args.summary, auditMarkdown(result));
  if (args.robustbench !== undefined)
    await writeFileAtomic(args.robustbench, `${JSON.stringify(robustBenchEntry(result), null, 2)}\n`);
  context.print(
    auditTable(result, { colour: process.stdout.isTTY === true, width: process.stdout.columns ?? 100 }),
  );
  if (args.out !== undefined) context.print(`report: ${args.out}/report.html`);
  if (!result.verifier.ok) return 1;
  return result.robustAccuracy < bar ? 1 : 0;
}
