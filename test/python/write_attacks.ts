/**
 * Writes what attacks find on a model:
 *
 *   node --import tsx write_attacks.ts MODEL.onnx IMAGES.npz OUT.npz '[{"attack": "apgd-ce", "norm": "linf", "epsilon": 0.1}, …]'
 *
 * IMAGES.npz holds `x` and the labels `y`; OUT.npz gets the images of each run by its number, shaped as x.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { type AttackName, attacks, engineClassifier, inspect, type Norm } from '../../src/eval/index.ts';
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

const found: Parameters<typeof encodeNpz>[0] = {};
for (const [i, { attack, norm, epsilon }] of (
  JSON.parse(runs) as { attack: AttackName; norm: Norm; epsilon: number }[]
).entries()) {
  const { adversarial } = await attacks[attack].run({
    classifier,
    x,
    y,
    threat: { norm, epsilon },
    parameters: {},
    key: key(i),
  });
  Object.assign(found, { [i]: { dtype: 'float32', shape, data: adversarial } });
}
writeFileSync(out, encodeNpz(found));
await engine.close();
