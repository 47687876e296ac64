/**
 * Reads every .onnx in a folder and writes it into another, for test_roundtrip.py:
 * `node --import tsx test/python/roundtrip.ts IN_DIR OUT_DIR`. A model that is refused leaves NAME.error instead.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readModel, writeModel } from '../../src/graph/proto/index.ts';
import { readModelFile } from '../../src/io/index.ts';

const [from, to] = process.argv.slice(2);
if (!from || !to) throw new Error('usage: roundtrip.ts IN_DIR OUT_DIR');
for (const name of readdirSync(from)) {
  if (!name.endsWith('.onnx')) continue;
  try {
    const path = join(from, name);
    // Only `external*.onnx` have files beside them; the others need nothing of Node.
    const model = name.startsWith('external')
      ? (await readModelFile(path)).model
      : readModel(readFileSync(path));
    writeFileSync(join(to, name), writeModel(model));
  } catch (error) {
    writeFileSync(join(to, `${name}.error`), String(error));
  }
}
