/** README's first table, as Markdown. */

import { integer, percent, percentRange } from '../../src/report/format.ts';
import { buildHeadline, countVerdicts, type Result } from '../../src/report/index.ts';

const [BEGIN, END] = [
  '<!-- by `npm run readme`, from the latest benchmarks/records/DATE-demo -->',
  '<!-- end of what `npm run readme` writes -->',
];

/** README with what stands between its marks made of the record. @throws where the marks are missing */
export function withTable(readme: string, result: Result): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`README.md without ${BEGIN} … ${END}`);
  return `${readme.slice(0, from)}${BEGIN}\n${demoTable(result)}\n${readme.slice(to)}`;
}

/** What the demo found: a sentence, a table, and how far it goes. */
export function demoTable(result: Result): string {
  const { attacks, clean, robust, threat, environment: machine, model, training } = result;
  const epsilon = `ε = ${threat.epsilon}`;
  const sum = (of: 'forwards' | 'backwards') => integer(attacks.reduce((total, a) => total + a[of], 0));
  const seconds = (value: number) => value.toFixed(1);
  const rows = [
    [`attack (L∞, ${epsilon})`, 'still correct', 'forward passes', 'backward passes', 'seconds'],
    ['---', '---', '---', '---', '---'],
    [`none, all ${integer(clean.n)} test images`, percent(clean.accuracy), '', '', ''],
    ...attacks.map((a) => [
      nameOf(a),
      percent(a.robustAccuracy),
      integer(a.forwards),
      integer(a.backwards),
      seconds(a.seconds),
    ]),
    [
      `**worst case, first ${integer(robust.n)} test images**`,
      `**${percent(result.robustAccuracy)}** (${percentRange(result.confidence.robust)})`,
      sum('forwards'),
      sum('backwards'),
      seconds(attacks.reduce((total, a) => total + a.seconds, 0)),
    ],
  ];
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  const cores = machine.cores === 2 ? 'two cores' : `${machine.cores} cores`;
  const parameters = integer(model.parameters);
  const epochs = training?.epochs.length === 2 ? 'two epochs' : `${training?.epochs.length} epochs`;
  return `
What \`npm run demo\` found, within a minute on ${cores} (${machine.cpu}; MNIST, ${parameters} parameters, ${epochs} of GAAT at ${epsilon}):

${lines.join('\n')}

${judgement(result)} PGD is no
AutoAttack: read ${percent(result.robustAccuracy)} as an upper bound, and let \`audit --attacks autoattack\` lower it.
`.replaceAll('\u00a0', ' ');
}

/** By its name and what it was told. */
function nameOf({ name, parameters }: Result['attacks'][number]): string {
  const pgd = `PGD-${parameters.steps}, step ${parameters.stepSize}`;
  const names: Record<string, string> = {
    noise: `random noise × ${parameters.restarts}`,
    fgsm: 'FGSM',
    gaat: "GAAT's own approximation",
    pgd: `${pgd}, cross-entropy`,
    'pgd-margin': `${pgd}, margin`,
  };
  return names[name] ?? name;
}

function judgement(result: Result): string {
  const { checked, rejected, ok } = result.verifier;
  const { pass, warn, fail } = countVerdicts(result);
  const examples = ok
    ? `The verifier confirmed all ${integer(checked)} adversarial examples`
    : `The verifier rejected ${integer(rejected)} of ${integer(checked)} adversarial examples`;
  const checks =
    warn + fail === 0
      ? `all ${pass} checks that apply passed`
      : `of the checks ${pass} passed, ${warn} warned, ${fail} failed`;
  const verdict = result.verdict ? `*${result.verdict.belief}*` : buildHeadline(result).trust;
  const [reason] = result.verdict?.reasons ?? [];
  return `${examples}; ${checks}. The verdict is ${verdict}${reason ? `: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}` : '.'}`;
}
