import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SetupFailure } from './failure.ts';
import type { Host } from './host.ts';
import { lastLine } from './run.ts';

/** What the native part said when it was tried. */
export interface Tried {
  readonly version: string;
  readonly gpu: boolean;
}

/** What `probe.ts` prints. */
export interface Probed extends Tried {
  readonly output: readonly number[];
  readonly inputGradient: readonly number[];
  readonly weightGradient: readonly number[];
}

/** A GPU may round its factors to 10 bits. */
const TOLERANCE = 2e-3;

/**
 * The closed forms, for x[i][j] = 4i + j and a 3×3 kernel of ones. Output: 9 times the pixel in the middle. Gradient of
 * the padded output's sum by x: how many windows hold the pixel. Gradient of the output's sum by w[i][j]: the 2×2 pixels
 * that it meets, 16i + 4j + 10.
 */
export const EXPECTED = {
  output: [5, 6, 9, 10].map((middle) => 9 * middle),
  inputGradient: [2, 3, 3, 2].flatMap((rows) => [2, 3, 3, 2].map((columns) => rows * columns)),
  weightGradient: [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => 16 * i + 4 * j + 10)),
} as const;

/** The first part of a probe that is not as it must be. */
export function wrongPart(probed: Probed): keyof typeof EXPECTED | undefined {
  const parts = Object.keys(EXPECTED) as (keyof typeof EXPECTED)[];
  return parts.find((part) => {
    const [got, expected] = [probed[part], EXPECTED[part]];
    const near = (e: number, i: number) => Math.abs(got[i]! - e) <= TOLERANCE * Math.abs(e);
    return got.length !== expected.length || !expected.every(near);
  });
}

/**
 * Loads the native part in a child process and has it convolve and differentiate.
 *
 * @param packageFolder of tfjs-node
 * @throws SetupFailure where it does not load or computes wrongly
 */
export async function tryTensorflow(host: Host, packageFolder: string): Promise<Tried> {
  // Sources in a checkout, compiled in the package.
  const kind = extname(new URL(import.meta.url).pathname);
  const loader = kind === '.ts' ? ['--import', tsx()] : [];
  const probe = fileURLToPath(new URL(`./probe${kind}`, import.meta.url));
  const ended = await host.run(host.execPath, [...loader, probe, packageFolder], { timeout: 300_000 });
  const remedy = 'remove the cache that `touchstone doctor` names, then set it up again';
  const probed = parse(ended.stdout);
  if (ended.code !== 0 || !probed) {
    const error = /^(?:\w*Error|TouchstoneError): (.*)$/m.exec(ended.stderr)?.[1] ?? lastLine(ended.stderr);
    throw new SetupFailure(`TensorFlow does not run (${error || `exit ${ended.code}`})`, remedy);
  }
  const wrong = wrongPart(probed);
  if (wrong)
    throw new SetupFailure(
      `TensorFlow computes the ${wrong} of a convolution as ${probed[wrong].join(' ')}, not ${EXPECTED[wrong].join(' ')}`,
      remedy,
    );
  return { version: probed.version, gpu: probed.gpu };
}

const tsx = (): string => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

function parse(stdout: string): Probed | undefined {
  try {
    return JSON.parse(lastLine(stdout)) as Probed;
  } catch {
    return undefined;
  }
}
