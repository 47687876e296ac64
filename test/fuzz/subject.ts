import { inspect } from '../../src/eval/index.ts';
import { gradientModel } from '../../src/export/index.ts';
import { readModel, writeModel } from '../../src/graph/index.ts';

/** What the fuzzed path may cost: small files are fuzzed, and they may not ask for more than this. */
export const LIMITS = { parsedBytes: 2 ** 26, tensorBytes: 2 ** 26 } as const;

export type Outcome =
  | 'refused to read'
  | 'refused to differentiate'
  | 'differentiated'
  | `crashed: ${string}`;

/** One file through reader, inference, canonicalisation and differentiation. Anything but a typed error is a crash. */
export function outcomeOf(bytes: Uint8Array): Outcome {
  let stage: Outcome = 'refused to read';
  try {
    const model = readModel(bytes, { limits: LIMITS });
    stage = 'refused to differentiate';
    const { graph, logits } = inspect(model, { nativeInput: true });
    // Reading validates: every value defined once and before its use.
    readModel(writeModel(gradientModel(graph, logits, { loss: 'ce' })));
    return 'differentiated';
  } catch (error) {
    if (error instanceof Error && error.name === 'TouchstoneError' && !error.message.includes('\n'))
      return stage;
    return `crashed: ${error instanceof Error ? error.stack : String(error)}`;
  }
}
