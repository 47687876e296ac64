/** What came of runs that take minutes each, in a JSON file that is whole after each of them. */
import { isDeepStrictEqual } from 'node:util';
import fs from 'fs-extra';
import { machine, tool, writeFileAtomic } from '../../src/io/index.ts';
import { type Job, type Learnt, optionsOf, PGD } from './learn.ts';

/** A run, and what it was made with. */
interface Entry extends Learnt {
  readonly tool: ReturnType<typeof tool>;
  readonly machine: ReturnType<typeof machine>;
}

export interface LearningRecord {
  /** What the file has of this very job. */
  find(job: Job): Learnt | undefined;
  /** Adds a run, in the place of an earlier one of the same method, engine and images. */
  add(learnt: Learnt): Promise<void>;
}

/** @param path of the file, which need not be there yet; undefined: nothing is kept */
export async function openRecord(path: string | undefined): Promise<LearningRecord> {
  if (path === undefined) return { find: () => undefined, add: async () => {} };
  const found = (await fs.pathExists(path)) ? ((await fs.readJson(path)) as { runs: Entry[] }) : { runs: [] };
  let runs = found.runs;
  const isSame = (a: Learnt, b: Pick<Learnt, 'method' | 'engine' | 'options'>) =>
    a.method === b.method && a.engine === b.engine && a.options.limit === b.options.limit;
  return {
    find: (job) => runs.find((run) => isDeepStrictEqual(run.options, optionsOf(job))),
    async add(learnt) {
      const entry = { ...learnt, tool: tool(), machine: machine() };
      runs = [...runs.filter((run) => !isSame(run, learnt)), entry];
      await writeFileAtomic(path, `${JSON.stringify({ record: 'learning', pgd20: PGD, runs }, null, 1)}\n`);
    },
  };
}
