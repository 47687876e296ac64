import { firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { deployable, type Parity, parity } from '../export/index.ts';
import { tool, writeModelFile } from '../io/index.ts';
import { readRun } from './run-folder.ts';

export interface ExportOptions {
  /** A training run's folder. */
  readonly dir: string;
  /** The .onnx file to write. */
  readonly out: string;
  /** The images of the parity proof. @default the test split of what the run was trained on */
  readonly data?: string;
  readonly engine: Engine;
}

const PROOF_IMAGES = 256;

/**
 * Writes a run's checkpoint as a deployable model, once its logits on real images are those of the checkpoint.
 *
 * @throws E_RANGE, with nothing written, where they are not
 */
export async function exportRun({ dir, out, data: spec, engine }: ExportOptions): Promise<Parity> {
  const { run, recipe, model, metadata } = await readRun(dir);
  const data = await loadData(spec ?? recipe.data, 'test');
  const images = firstImages(data, PROOF_IMAGES);
  const { version, gitCommit } = tool();
  const exported = deployable(
    model,
    new Map([
      ...metadata,
      ['touchstone.kind', 'classifier'],
      ['touchstone.exported_by', `touchstone ${version}${gitCommit ? ` (${gitCommit})` : ''}`],
      ['touchstone.input', 'pixels in [0, 1], NCHW'],
      ['touchstone.threat', JSON.stringify({ norm: 'linf', epsilon: run.recipe.epsilon })],
    ]),
  );
  const proof = await parity(engine, model, exported.graph, {
    dtype: 'float32',
    data: images.x,
    shape: images.shape,
  });
  if (!proof.ok)
    throw new TouchstoneError(
      'E_RANGE',
      `the exported logits differ by ${proof.maxDifference.toExponential(1)}, ${proof.samePredictions} of ${proof.images} predictions the same`,
      `${proof.tolerance} of the largest logit, ${proof.scale.toFixed(1)}`,
      'this is a fault of touchstone: report it with the run folder',
    );
  await writeModelFile(out, exported);
  return proof;
}
