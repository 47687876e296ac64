import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Model, readModel } from '../../src/graph/index.ts';
import { decodeState } from '../../src/runs/run-state.ts';

export const jsonLines = async (dir: string): Promise<Record<string, unknown>[]> =>
  (await readFile(join(dir, 'history.jsonl'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

export const stateOf = async (dir: string) =>
  decodeState(await readFile(join(dir, 'state.npz')), 'state.npz').snapshot;

export const checkpointOf = async (dir: string): Promise<Model> =>
  readModel(await readFile(join(dir, 'checkpoint.onnx')));

type Arrays = ReadonlyMap<string, { readonly data: unknown }>;

/** Arrays as hexadecimal by name: equal texts are equal bits, and a difference is told in a line. */
export const bits = (arrays: Arrays): Record<string, string> =>
  Object.fromEntries(
    [...arrays].map(([name, { data }]) => {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      return [name, Buffer.from(buffer, byteOffset, byteLength).toString('base64')];
    }),
  );

/** Everything about a run that must be the same, bit for bit, however often it was interrupted. */
export async function outcomeOf(dir: string) {
  const { state, cursor, history, best } = await stateOf(dir);
  const timeless = history.map(({ seconds, secondsPerPhase, validationSeconds, ...rest }) => rest);
  return {
    parameters: bits(state.parameters),
    velocities: bits(state.velocities),
    checkpoint: bits((await checkpointOf(dir)).graph.initializers),
    best: best && { ...best, parameters: bits(best.parameters) },
    epoch: cursor.epoch,
    history: timeless,
  };
}
