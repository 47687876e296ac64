import { TouchstoneError } from '../../errors.ts';
import { type AttackName, type AttackParameters, attacks } from '../attacks/index.ts';
import type { Threat } from '../threat.ts';
import type { Evidence } from './check.ts';

/** What the audit's PGD was told, or would have been. */
export function mainParameters({ threat, parameters }: Evidence & { readonly threat: Threat }) {
  const { steps = 40, stepSize = threat.epsilon / 10 } = {
    ...attacks.pgd.defaults(threat),
    ...parameters,
  };
  return { steps, stepSize };
}

/**
 * An attack on the sample, from the clean images and with no regard to what has been broken before.
 *
 * Runs with the same `use` begin at the same random points: PGD of fewer steps is then the beginning of PGD of more.
 *
 * @param use what the numbers are for
 * @returns per image of the sample whether it is broken; undefined where no gradient reaches the image, of which
 *     `zero-gradients` speaks
 */
export async function attackAnew(
  { classifier, x, y, key }: Evidence,
  name: AttackName,
  { threat, parameters, use }: { threat: Threat; parameters: AttackParameters; use: string },
): Promise<readonly boolean[] | undefined> {
  try {
    const output = await attacks[name].run({
      classifier,
      x,
      y,
      threat,
      parameters,
      key: key.fold('anew', name, use),
    });
    return output.broken;
  } catch (error) {
    if (isUndifferentiable(error)) return undefined;
    throw error;
  }
}

/** A gradient that there is no rule for, or no path of. */
export const isUndifferentiable = (error: unknown): boolean =>
  error instanceof TouchstoneError && error.code === 'E_UNSUPPORTED';
