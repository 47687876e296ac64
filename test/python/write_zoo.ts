/**
 * Differentiates every model of a folder: `node --import tsx test/python/write_zoo.ts IN_DIR OUT_DIR`.
 *
 * For each NAME.onnx: NAME.input.onnx, the gradient by the images as `touchstone gradient` writes it; NAME.cuda.onnx, the
 * same for CUDA; NAME.full.onnx, with the gradients by all parameters and the Hessian-vector product. What fails is in
 * report.json, with the error's line; so is what was left of the file's nodes.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from '../../src/eval/index.ts';
import { gradientModel } from '../../src/export/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { readModelFile, writeModelFile } from '../../src/io/index.ts';

const [from, to] = process.argv.slice(2);
if (!from || !to) throw new Error('usage: write_zoo.ts IN_DIR OUT_DIR');

const report: Record<string, { error?: string; [key: string]: unknown }> = {};
for (const file of (await readdir(from)).filter((f) => f.endsWith('.onnx')).sort()) {
  const name = file.slice(0, -'.onnx'.length);
  const started = performance.now();
  try {
    const { model } = await readModelFile(join(from, file));
    const { graph, logits, card } = inspect(model, { nativeInput: true });
    await writeModelFile(join(to, `${name}.input.onnx`), gradientModel(graph, logits, { loss: 'ce' }));
    const cuda = gradientModel(graph, logits, { loss: 'ce', emitter: 'cuda' });
    await writeModelFile(join(to, `${name}.cuda.onnx`), cuda);
    const parameters = parameterNames(model.graph);
    const live = inspect(model, { nativeInput: true, live: new Set(parameters) });
    const full = gradientModel(live.graph, live.logits, { loss: 'ce', parameters, hvp: true });
    await writeModelFile(join(to, `${name}.full.onnx`), full);
    report[name] = {
      nodes: model.graph.nodes.length,
      canonical: graph.nodes.length,
      gradient: cuda.graph.nodes.length,
      parameters: parameters.length,
      zeroGradients: card.zeroGradients,
      milliseconds: Math.round(performance.now() - started),
    };
  } catch (error) {
    report[name] = {
      error:
        error instanceof Error
          ? error.name === 'TouchstoneError'
            ? error.message
            : String(error.stack)
          : String(error),
    };
  }
}
await writeFile(join(to, 'report.json'), JSON.stringify(report, null, 1));
