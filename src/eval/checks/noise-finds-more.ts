import { surelyAbove } from './chance.ts';
import { type CheckSpec, type Evidence, percent } from './check.ts';
import { attackAnew, mainParameters } from './fresh.ts';
import { brokenByGradients, without } from './lists.ts';

/** Of a thousand images, one that noise finds and gradients do not may be chance. */
const TOLERATED = 0.001;

/** Random sampling finds adversarial examples that gradient attacks do not (Chen and Lee, §2.4, property 1). */
export const noiseFindsMore: CheckSpec = {
  id: 'noise-finds-more',
  title: 'Random noise finds nothing that gradients miss',
  async run(evidence) {
    const lists = audited(evidence) ?? (await anew(evidence));
    if (!lists) return undefined;
    const missed = without(lists.noise, lists.gradients);
    const n = lists.noise.length;
    return {
      verdict: missed === 0 ? 'pass' : surelyAbove(missed, n, TOLERATED) ? 'fail' : 'warn',
      figures: { missed, attacked: n },
      message:
        missed === 0
          ? 'Every sample that noise breaks, gradients break too.'
          : `Noise breaks ${missed} samples (${percent(missed / n)}) that no gradient does: they may be masked.`,
    };
  },
};

interface Lists {
  readonly noise: readonly boolean[];
  readonly gradients: readonly boolean[];
}

function audited({ broken }: Evidence): Lists | undefined {
  const noise = broken.get('noise');
  const gradients = brokenByGradients(broken);
  return noise && gradients && { noise, gradients };
}

async function anew(evidence: Evidence): Promise<Lists | undefined> {
  const { threat, y } = evidence;
  if (!threat || y.length === 0) return undefined;
  const noise = await attackAnew(evidence, 'noise', { threat, parameters: {}, use: 'noise' });
  const parameters = { ...mainParameters({ ...evidence, threat }), restarts: 1 };
  const gradients = await attackAnew(evidence, 'pgd', { threat, parameters, use: 'beside noise' });
  return noise && gradients && { noise, gradients };
}
