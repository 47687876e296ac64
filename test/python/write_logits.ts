/** Writes the logits that this toolkit computes: node --import tsx write_logits.ts MODEL.onnx IMAGES.npz OUT.npz */
import { readFileSync, writeFileSync } from 'node:fs';
import { logitsProgram } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { inspect } from '../../src/eval/index.ts';
import { decodeNpz, encodeNpz, readModelFile } from '../../src/io/index.ts';

const [modelPath, imagesPath, out] = process.argv.slice(2) as [string, string, string];
const { graph } = inspect((await readModelFile(modelPath)).model);
const engine = onnxruntimeEngine();
const executable = await engine.compile(logitsProgram(graph));
const { logits } = await executable.run({ x: decodeNpz(readFileSync(imagesPath)).get('x')! });
writeFileSync(out, encodeNpz({ logits: logits! }));
await engine.close();
