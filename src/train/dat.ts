/**
 * Delayed adversarial training (DAT): the first epochs train naturally, the others adversarially.
 *
 * S. Gupta, P. Dube, A. Verma, "Improving the affordability of robustness training for DNNs", CVPR Workshops 2020,
 * arXiv:2002.04237; with GAAT as in H. Gong, arXiv:2309.09464, §5.3 and table 4: 100 natural epochs of 200.
 *
 * The switch is the loop's, `naturalShare`. Differs: DAT's authors switch when the loss has settled; here, as in table 4, at
 * a fixed epoch. #BP 1 in natural epochs, then the method's.
 */
import type { Method } from './method.ts';

/** A method that begins with half of the epochs natural. */
export const delayed = (method: Method, name: string): Method => ({
  ...method,
  name,
  about: `natural for the first half of the epochs, then ${method.name}`,
  source: `Gong, arXiv:2309.09464, table 4; Gupta et al., arXiv:2002.04237; ${method.source}`,
  defaults: { ...method.defaults, naturalShare: 0.5 },
});
