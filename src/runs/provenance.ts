import type { Model } from '../graph/index.ts';
import { type Result, resultSchema } from '../report/index.ts';
import { TRAINING_ENTRY } from './training-entry.ts';

/**
 * The training record of a model that was trained and exported here; null for any other. A record that
 * does not hold to the schema (the file may say anything) is passed over.
 */
export function trainingOf(model: Model): Result['training'] {
  const text = model.metadata.get(TRAINING_ENTRY);
  if (!text) return null;
  try {
    return resultSchema.shape.training.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
