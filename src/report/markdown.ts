/** The audit as GitHub-flavoured Markdown: for a pull request's comment or a job's summary. */
import { epsilonText, fileName, integer, normText, percent, percentRange, secondsText } from './format.ts';
import { buildHeadline } from './headline.ts';
import type { Result, Verdict } from './schema.ts';

const SIGNS: Readonly<Record<Verdict, string>> = { pass: '✅', warn: '⚠️', fail: '❌' };

/** Names come from files: nothing in them may become markup, or a mention of a person. */
const plain = (text: string): string =>
  text
    .replaceAll(/[\\`*_{}[\]()<>#+!|~]/g, (c) => `\\${c}`)
    .replaceAll('@', '@\u200b')
    .replaceAll(/\s+/g, ' ');

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** The headline, a table of the attacks, the checks that did not pass, and how to get the same again. */
export function auditMarkdown(result: Result): string {
  const { attacks, checks, clean, confidence, data, model, robust, threat, verifier } = result;
  const headline = buildHeadline(result);
  const concerns = checks.filter((check) => check.verdict !== 'pass');
  const lines = [
    `### ${SIGNS[headline.trust]} ${plain(fileName(model.path))}: ${percent(result.robustAccuracy)} robust, ${percent(clean.accuracy)} clean`,
    '',
    `${plain(headline.sentence)} ${plain(headline.trustSentence)}`,
    '',
    row(['attack', 'robust', 'broken', 'attacked', 'backward passes', 'time']),
    row(['---', '---:', '---:', '---:', '---:', '---:']),
    ...attacks.map((a) =>
      row([
        `${plain(a.name)}${a.error === undefined ? '' : ' (did not finish)'}`,
        percent(a.robustAccuracy),
        integer(a.broken),
        a.attacked === undefined ? '' : integer(a.attacked),
        integer(a.backwards),
        secondsText(a.seconds),
      ]),
    ),
    row([
      '**worst case**',
      `**${percent(result.robustAccuracy)}**`,
      integer(robust.n - robust.correct),
      integer(robust.n),
      integer(attacks.reduce((sum, a) => sum + a.backwards, 0)),
      secondsText(attacks.reduce((sum, a) => sum + a.seconds, 0)),
    ]),
    '',
    `95 % intervals: clean ${percentRange(confidence.clean)}, robust ${percentRange(confidence.robust)}. ` +
      `Verifier: ${headline.verifier}, ${integer(verifier.checked)} examples re-checked, ${integer(verifier.rejected)} rejected. ` +
      `Checks: ${checks.length - concerns.length} of ${checks.length} passed.`,
    ...(concerns.length > 0 ? [''] : []),
    ...concerns.map((c) => `- ${SIGNS[c.verdict]} **${plain(c.id)}**: ${plain(c.message)}`),
    '',
    `<sub>${plain(data.name)} ${plain(data.split)}, ${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}, seed ${result.seed}; ` +
      `SHA-256 of the model ${model.sha256.slice(0, 12)}, of the data ${data.sha256.slice(0, 12)}; Touchstone ${result.tool.version}, ` +
      `${plain(result.environment.engine)} on ${plain(result.environment.device)}.</sub>`,
  ];
  return `${lines.join('\n').replaceAll('\u00a0', ' ')}\n`;
}
