import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { execute } from '../cli/harness.ts';

/** What a process holds after an epoch. */
interface Held {
  /** Bytes. */
  readonly rss: number;
  /** Tensors of tfjs; null on the other engine. */
  readonly tensors: number | null;
}

const EPOCHS = 10;
const TOLERANCE = 0.1;
const TIMEOUT = 300_000;
const child = fileURLToPath(new URL('./memory-child.ts', import.meta.url));

async function epochsOf(...args: readonly string[]): Promise<readonly Held[]> {
  const { code, stdout, stderr } = await execute(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', child, ...args],
    process.cwd(),
  );
  expect(code, stderr).toBe(0);
  const epochs = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Held);
  expect(epochs).toHaveLength(EPOCHS);
  return epochs;
}

/** By how much the last epoch holds more than the second: the first one compiles. */
const growth = (epochs: readonly Held[]): number => epochs.at(-1)!.rss / epochs[1]!.rss - 1;

/**
 * How many images: from the second epoch on, a thousand that were kept would be 25 MB, of 200 to 600. The reconstructor
 * takes longer over them, and has larger things to lose.
 */
const METHODS = [
  ['natural', 4000],
  ['pgd', 2000],
  ['efgsm+reconstructor', 600],
] as const;

/** Training does not hold more and more. */
export function memorySuite(engine: 'onnxruntime' | 'tensorflow'): void {
  it.each(METHODS)(
    `%s holds no more after epoch ${EPOCHS} than after the second`,
    async (method, images) => {
      const epochs = await epochsOf(engine, method, String(images));
      expect(growth(epochs)).toBeLessThan(TOLERANCE);
      const tensors = epochs.map((e) => e.tensors);
      expect(new Set(tensors).size, String(tensors)).toBe(1);
      if (engine === 'tensorflow') expect(tensors[0]).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  it(
    'images that are kept would be noticed',
    async () => {
      expect(growth(await epochsOf(engine, 'natural', '4000', 'leak'))).toBeGreaterThan(TOLERANCE);
    },
    TIMEOUT,
  );
}
