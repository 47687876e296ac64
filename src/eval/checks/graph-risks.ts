import type { CheckSpec } from './check.ts';

/** Operators whose gradient is zero, random or false. */
export const graphRisks: CheckSpec = {
  id: 'graph-risks',
  title: 'No operator hides gradients',
  async run({ card }) {
    const { maskingRisks: risks, outputKind } = card;
    const softmax = outputKind !== 'logits';
    return {
      verdict: risks.length > 0 ? 'warn' : 'pass',
      figures: { operators: risks.length, output: outputKind },
      message:
        risks.length > 0
          ? `${risks.slice(0, 3).join(', ')}${risks.length > 3 ? ` and ${risks.length - 3} more` : ''} may mask gradients.`
          : softmax
            ? `The output is ${outputKind}; attacks use the logits behind it.`
            : 'The graph holds no rounding, random or training-mode operator.',
    };
  },
};
