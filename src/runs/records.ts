/** What produced the numbers, as results have it. */
import fs from 'fs-extra';
import type { DataSet } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import { engineClassifier, type NamedFinding, type Preprocessing } from '../eval/index.ts';
import { machine, packageVersion } from '../io/index.ts';
import type { CheckResult, Environment, Result } from '../report/index.ts';
import type { OpenModel } from './open-model.ts';
import { TRAINING_ENTRY } from './training-entry.ts';

/** Metadata that is long, and stands elsewhere or says nothing here. */
const LEFT_OUT = new Set([TRAINING_ENTRY, 'touchstone.recipe']);

export function modelRecord(
  path: string,
  { file, subject: { card } }: OpenModel,
  preprocessing?: Preprocessing,
): Result['model'] {
  return {
    path,
    sha256: file.sha256,
    bytes: file.bytes,
    parameters: card.parameters,
    opset: card.opset,
    producer: card.producer,
    inputShape: card.input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : null)),
    inputLayout: card.input.layout,
    ...(preprocessing && { preprocessing: { mean: [...preprocessing.mean], std: [...preprocessing.std] } }),
    classes: card.classes,
    outputKind: card.outputKind,
    metadata: Object.fromEntries([...file.model.metadata].filter(([name]) => !LEFT_OUT.has(name))),
  };
}

export const dataRecord = ({ name, split, sha256, n, shape }: DataSet): Result['data'] => ({
  name,
  split,
  sha256,
  n,
  shape: [...shape],
});

export const environmentRecord = ({ threads, name, device, versions }: Engine): Environment => ({
  ...machine(),
  onnxruntime: packageVersion('onnxruntime-node'),
  threads,
  engine: name,
  device,
  packages: { ...versions },
});

export const findingRecord = ({ id, verdict, title, figures, message }: NamedFinding): CheckResult => ({
  id,
  verdict,
  title,
  figures: { ...figures },
  section: `docs/checks.md#${id}`,
  message,
});

/** An open model as attacks see it. */
export const classifierOf = (engine: Engine, { subject, fixedBatch }: OpenModel) =>
  engineClassifier(engine, subject.graph, {
    classes: subject.card.classes,
    ...(fixedBatch === undefined ? {} : { fixedBatch }),
  });

/** Files beside those of other commands, but not over another's of the same. @throws E_FILE */
export async function assertNew(out: string, names: readonly string[]): Promise<void> {
  if (!(await fs.pathExists(out))) return;
  if (!(await fs.stat(out)).isDirectory())
    throw new TouchstoneError('E_FILE', `${out} is a file`, 'a folder to write to');
  const present = new Set(await fs.readdir(out));
  const inTheWay = names.filter((name) => present.has(name));
  if (inTheWay.length > 0)
    throw new TouchstoneError(
      'E_FILE',
      `${out} already holds ${inTheWay.join(', ')}`,
      'a folder without',
      'name another with --out, or remove it',
    );
}
