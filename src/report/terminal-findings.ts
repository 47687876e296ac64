import pc from 'picocolors';
import { printable } from './format.ts';
import type { CheckResult, Verdict } from './schema.ts';
import type { TerminalOptions } from './terminal.ts';

/** A line for each finding, with its verdict. */
export function findingLines(
  findings: readonly CheckResult[],
  { colour = false }: TerminalOptions,
): string[] {
  const colours = pc.createColors(colour);
  const paint: Record<Verdict, (text: string) => string> = {
    pass: colours.green,
    warn: colours.yellow,
    fail: colours.red,
  };
  return findings.map(({ verdict, id, message }) =>
    paint[verdict](`${verdict} ${printable(id)}: ${printable(message)}`),
  );
}
