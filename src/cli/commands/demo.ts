import { join } from 'node:path';
import { defineCommand } from 'citty';
import fs from 'fs-extra';
import { TouchstoneError } from '../../errors.ts';
import { commandLine, commonArgs, contextOf } from '../common.ts';
import { INTERRUPTED, interruption, trainingControls } from '../training-progress.ts';

/** What the demo writes; a folder that holds nothing else may be started over. */
const OURS = new Set([
  'run.json',
  'state.npz',
  'history.jsonl',
  'checkpoint.onnx',
  'model.onnx',
  'result.json',
  'report.html',
  'adversarial.npz',
]);

export const command = defineCommand({
  meta: {
    name: 'demo',
    description: 'train GAAT on MNIST, export, audit, report: a first look at everything',
  },
  args: {
    out: {
      type: 'string',
      description: 'the folder to fill (an earlier demo there is replaced)',
      default: 'runs/demo',
      valueHint: 'DIR',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { out } = args;
    const [{ resumeRun, startRun }, { exportRun }, { auditRun }, { auditTable }] = await Promise.all([
      import('../../runs/train-run.ts'),
      import('../../runs/export-run.ts'),
      import('../../runs/audit-run.ts'),
      import('../../report/index.ts'),
    ]);
    const again = await unfinished(out);
    const controls = trainingControls(context);
    context.progress.line(
      `1/3 ${again ? 'going on training' : 'training'} (GAAT on 59,000 MNIST images, ε 0.1); Ctrl-C saves, the same command goes on`,
    );
    const trained = again
      ? await resumeRun(out, controls)
      : await startRun({ recipe: 'demo', ...context.request, seed: context.seed, out }, controls);
    const stopped = interruption(trained);
    if (stopped) {
      context.progress.line(`stopped and saved; the same command goes on`);
      return INTERRUPTED;
    }

    const model = join(out, 'model.onnx');
    context.progress.line('2/3 exporting, with the proof that nothing changed');
    const engine = await context.engine();
    const proof = await exportRun({ dir: out, out: model, engine });
    context.progress.line(
      `${model}: logits differ by at most ${proof.maxDifference.toExponential(1)} on ${proof.images} images`,
    );

    context.progress.line('3/3 auditing: the first 1,000 test images, ε 0.1, every attack');
    const result = await auditRun({
      model,
      data: 'mnist',
      threat: { norm: 'linf', epsilon: 0.1 },
      parameters: { steps: 40, stepSize: 0.01 },
      limit: 1000,
      out,
      seed: context.seed,
      engine,
      commandLine: commandLine(),
      onProgress: (stage, fraction) => context.progress.update(stage, fraction),
      signal: context.signal,
    });
    context.progress.end();
    await context.json(result);
    context.print(
      auditTable(result, { colour: process.stdout.isTTY === true, width: process.stdout.columns ?? 100 }),
    );
    context.print(`open ${join(out, 'report.html')} in a browser`);
    return result.verifier.ok ? 0 : 1;
  },
});

/** Whether the folder holds a demo that was interrupted. One that was finished is cleared away; anything else is refused. */
async function unfinished(out: string): Promise<boolean> {
  if (!(await fs.pathExists(out))) return false;
  const present = (await fs.stat(out)).isDirectory() ? await fs.readdir(out) : [out];
  if (present.length === 0) return false;
  const foreign = present.find((name) => !OURS.has(name) && !name.endsWith('.tmp'));
  if (foreign !== undefined || !present.includes('run.json') || !(await isDemo(join(out, 'run.json'))))
    throw new TouchstoneError(
      'E_FILE',
      `${out} holds ${foreign ?? present[0]}`,
      'a new folder or an earlier demo',
      'name another with --out',
    );
  if (present.includes('result.json')) {
    await fs.emptyDir(out);
    return false;
  }
  await fs.remove(join(out, 'model.onnx'));
  return true;
}

async function isDemo(path: string): Promise<boolean> {
  try {
    const run: unknown = await fs.readJson(path);
    const recipe = typeof run === 'object' && run !== null && 'recipe' in run ? run.recipe : undefined;
    return typeof recipe === 'object' && recipe !== null && 'recipe' in recipe && recipe.recipe === 'demo';
  } catch {
    return false;
  }
}
