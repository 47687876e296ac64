import type { PassCounter } from '../counter.ts';
import type { Executable, Loop, Program, Values } from '../engine.ts';
import { downloaded, type Live, TensorflowProgram } from './program.ts';
import { turn } from './turn.ts';

const NO_LIVE: Live = new Map();

/** A program as an executable whose passes are counted. */
export function executable(program: Program, counter: PassCounter, live = NO_LIVE): Executable {
  const compiled = new TensorflowProgram(program, live);
  return {
    async run(feeds: Values) {
      counter.count(program, feeds);
      await turn();
      return compiled.execute(feeds, live, downloaded);
    },
    async iterate(feeds: Values, loop: Loop) {
      for (let t = 0; t < loop.times; t++) counter.count(program, feeds);
      await turn();
      return compiled.execute(feeds, live, downloaded, loop);
    },
    async close() {
      compiled.close();
    },
  };
}
