import type { Executable, Loop, Values } from './engine.ts';

/** An executable's `iterate` for an engine that keeps nothing on its device: run after run. */
export const iterating =
  (run: Executable['run']): Executable['iterate'] =>
  async (feeds: Values, { carry, times }: Loop) => {
    let results = await run(feeds);
    for (let t = 1; t < times; t++) {
      const fedBack = Object.entries(carry).map(([input, output]) => [input, results[output]!] as const);
      results = await run({ ...feeds, ...Object.fromEntries(fedBack) });
    }
    return results;
  };
