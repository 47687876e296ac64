/** A training run in a process of its own, for kill.test.ts: starts in a new folder, goes on in any other. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resumeRun, startRun } from '../../src/runs/train-run.ts';
import { KILLED_RUN } from './killed-run.ts';

const out = process.argv[2]!;
const say = (line: string) => process.stdout.write(`${line}\n`);
const controls = {
  onProgress: ({ epoch }: { epoch: number }) => say(`training ${epoch}`),
  onEpoch: ({ epoch }: { epoch: number }) => say(`saved ${epoch}`),
};
const { end } = existsSync(join(out, 'run.json'))
  ? await resumeRun(out, controls)
  : await startRun({ ...KILLED_RUN, out }, controls);
say(end);
