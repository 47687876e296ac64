import type { Classifier } from './classifier.ts';

/**
 * Expectation over transformation, for a model that answers by chance (Athalye et al., "Obfuscated Gradients Give a False Sense
 * of Security", arXiv:1802.00420, §4.2): gradients are means over n passes, each of them counted. Logits and losses are
 * those of the last pass, as in AutoAttack's code.
 */
export function eot(classifier: Classifier, n: number): Classifier {
  return {
    classes: classifier.classes,
    stochastic: true,
    logits: (x) => classifier.logits(x),
    async gradient(...request) {
      let last = await classifier.gradient(...request);
      const mean = last.gradient.slice();
      for (let pass = 1; pass < n; pass++) {
        last = await classifier.gradient(...request);
        for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! + last.gradient[i]!;
      }
      for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! / n;
      return { ...last, gradient: mean };
    },
  };
}
