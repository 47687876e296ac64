/**
 * Writes what attacks find on a model:
 *
 *   node --import tsx write_attacks.ts MODEL.onnx IMAGES.npz OUT.npz '[{"attack": "apgd-ce", "norm": "linf", "epsilon": 0.1}, …]'
 *
 * A run may have `parameters`. IMAGES.npz holds `x` and the labels `y`; OUT.npz gets the images of each run by its number, shaped as x,
 * and as `start-0`, say, those that the first run began with, where that is PGD.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import {
  type AttackName,
  type AttackParameters,
  attacks,
  engineClassifier,
  inspect,
  type Norm,
  randomStart,
} from '../../src/eval/index.ts';
import { decodeNpz, encodeNpz, readModelFile } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';

const [modelPath, imagesPath, out, runs] = process.argv.slice(2) as [string, string, string, string];
const { card, graph } = inspect((await readModelFile(modelPath)).model);
const engine = onnxruntimeEngine();
const classifier = engineClassifier(engine, graph, { classes: card.classes });
const images = decodeNpz(readFileSync(imagesPath));
const { shape, data } = images.get('x')!;
const x = { shape, data: data as Float32Array };
const y = Int32Array.from(images.get('y')!.data as BigInt64Array, Number);

interface Run {
  readonly attack: AttackName;
  readonly norm: Norm;
  readonly epsilon: number;
  readonly parameters?: AttackParameters;
}

const found: Parameters<typeof encodeNpz>[0] = {};
const enter = (name: string, images: Float32Array) =>
  Object.assign(found, { [name]: { dtype: 'float32', shape, data: images } });
for (const [i, { attack, norm, epsilon, parameters = {} }] of (JSON.parse(runs) as Run[]).entries()) {
  const threat = { norm, epsilon };
  const { adversarial } = await attacks[attack].run({ classifier, x, y, threat, parameters, key: key(i) });
  enter(String(i), adversarial);
  if (attack === 'pgd') enter(`start-${i}`, randomStart(x, threat, key(i).fold('start', 0)));
}
writeFileSync(out, encodeNpz(found));
await engine.close();
