import type { Evidence, Finding } from './check.ts';
import { checks } from './index.ts';

/** A finding, and of which check. */
export interface NamedFinding extends Finding {
  readonly id: string;
  readonly title: string;
}

/** Runs every check that the evidence suffices for. One that crashes has failed. */
export async function runChecks(evidence: Evidence): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const spec of Object.values(checks)) {
    const finding = await spec.run(evidence).catch(
      (error: unknown): Finding => ({
        verdict: 'fail',
        figures: {},
        message: `The check did not finish: ${error instanceof Error ? error.message : error}`,
      }),
    );
    if (finding) findings.push({ id: spec.id, title: spec.title, ...finding });
  }
  return findings;
}
