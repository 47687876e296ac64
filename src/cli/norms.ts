import { TouchstoneError } from '../errors.ts';
import type { Norm } from '../eval/index.ts';
import { parseNumber, parseRadius } from './numbers.ts';

/** The largest radius that makes sense: all of pixel space for L∞, its diagonal for L2 and all its pixels for L1 on any image here. */
const LARGEST: Record<Norm, number> = { linf: 1, l2: 1000, l1: 1e6 };

/** @throws E_OPTION for one that there is not */
export function parseNorm(text: string): Norm {
  const norms = Object.keys(LARGEST) as Norm[];
  const norm = norms.find((n) => n === text);
  if (norm) return norm;
  throw new TouchstoneError('E_OPTION', `--norm ${text}`, norms.join(', '));
}

/** Reads a radius of a norm. @param options.zero whether 0 is one */
export const radiusParser =
  (norm: Norm, { zero = false }: { zero?: boolean } = {}) =>
  (text: string, option: string): number =>
    zero && parseNumber(text, option) === 0 ? 0 : parseRadius(text, option, LARGEST[norm]);
