import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fs from 'fs-extra';
import { describe, expect, it } from 'vitest';
import {
  SetupFailure,
  setUpCuda,
  TFJS,
  tensorflowSetup,
  thisHost,
  tryTensorflow,
} from '../../src/setup/index.ts';
import { EXPECTED, type Probed, wrongPart } from '../../src/setup/verify.ts';
import { listener, machine, type Program, thisMachine } from './host.ts';

const right: Probed = { version: '2.21.0', gpu: false, ...EXPECTED };

/** Sums over windows as the definition has them: x[i][j] = 4i + j, a 3×3 kernel, `pad` zeros around. */
function windows(pad: number, visit: (i: number, j: number, x: number, a: number, b: number) => void): void {
  for (let a = 0; a < 2 + 2 * pad; a++)
    for (let b = 0; b < 2 + 2 * pad; b++)
      for (let i = 0; i < 3; i++)
        for (let j = 0; j < 3; j++) {
          const [row, column] = [a + i - pad, b + j - pad];
          if (row >= 0 && row < 4 && column >= 0 && column < 4) visit(i, j, 4 * row + column, a, b);
        }
}

describe('what is expected of a convolution', () => {
  it('is what its definition gives', () => {
    const output = new Array(4).fill(0);
    const byWeight = new Array(9).fill(0);
    const byInput = new Array(16).fill(0);
    windows(0, (i, j, x, a, b) => {
      output[2 * a + b] += x;
      byWeight[3 * i + j] += x;
    });
    windows(1, (_i, _j, x) => {
      byInput[x] += 1; // a pixel's value is its index
    });
    expect(EXPECTED).toEqual({ output, inputGradient: byInput, weightGradient: byWeight });
  });

  it('tells a wrong value, a missing one and none from rounding', () => {
    expect(wrongPart(right)).toBeUndefined();
    expect(wrongPart({ ...right, output: EXPECTED.output.map((v) => v * 1.001) })).toBeUndefined();
    expect(wrongPart({ ...right, weightGradient: EXPECTED.weightGradient.map((v) => -v) })).toBe(
      'weightGradient',
    );
    expect(wrongPart({ ...right, inputGradient: EXPECTED.inputGradient.slice(1) })).toBe('inputGradient');
    expect(wrongPart({ ...right, output: [Number.NaN, 54, 81, 90] })).toBe('output');
  });
});

describe('trying it', () => {
  const tried = (program: Program) => {
    const host = machine();
    return tryTensorflow({ ...host, run: machine({ programs: { [host.execPath]: program } }).run }, '/p');
  };

  it('gives the version and the device', async () => {
    const stdout = `noise\n${JSON.stringify({ ...right, gpu: true })}\n`;
    expect(await tried(() => ({ stdout }))).toEqual({ version: '2.21.0', gpu: true });
  });

  it('says why it does not load, or that the process died', async () => {
    const stderr =
      'node:internal\nTouchstoneError: E_ENGINE: TensorFlow does not load (libfoo.so.1: no such file)\n';
    await expect(tried(() => ({ code: 1, stderr }))).rejects.toThrow(/libfoo.so.1/);
    await expect(tried(() => ({ code: null, stderr: '\nended by SIGILL' }))).rejects.toThrow(
      /ended by SIGILL/,
    );
    await expect(tried(() => ({ code: 0, stdout: 'hello' }))).rejects.toThrow(SetupFailure);
  });

  it('refuses wrong numbers', async () => {
    const stdout = JSON.stringify({ ...right, output: [1, 2, 3, 4] });
    await expect(tried(() => ({ stdout }))).rejects.toThrow(
      /computes the output of a convolution as 1 2 3 4, not 45/,
    );
  });

  const folder = thisHost().packageFolder(TFJS);
  const setup = tensorflowSetup(folder);
  it.skipIf(setup.state !== 'ready')('works where it is set up (npm run setup:tensorflow)', async () => {
    const { version } = await tryTensorflow(thisHost(), folder!);
    expect(version).toBe('2.21.0');
  });

  it.skipIf(setup.state !== 'ready')('works on a Node without the functions that 23 removed', async () => {
    const without = join(await fs.mkdtemp(join(tmpdir(), 'touchstone-node-')), 'without.cjs');
    await fs.outputFile(without, 'const u = require("util"); delete u.isNullOrUndefined; delete u.isArray;');
    const { run } = thisHost();
    const host = thisMachine({ run: (node, args, options) => run(node, ['-r', without, ...args], options) });
    try {
      expect((await tryTensorflow(host, folder!)).version).toBe('2.21.0');
    } finally {
      await fs.remove(dirname(without));
    }
  });

  it('fails in words where the package has no native part', async () => {
    await expect(tryTensorflow(thisHost(), '/no/such/package')).rejects.toThrow(
      /^TensorFlow does not run \(E_ENGINE: TensorFlow does not load \(Cannot find module '\/no\/such\/package'\)/,
    );
  });
});

describe("onnxruntime's CUDA provider", () => {
  const script = '/p/onnxruntime-node/script/install.js';
  const packages = { 'onnxruntime-node': '/p/onnxruntime-node' };

  it("is fetched by onnxruntime's own script, whose words are passed on", async () => {
    const reporter = listener();
    const program: Program = (args, { onLine }) => {
      onLine?.(`ran ${args.join(' ')}`);
      return {};
    };
    const host = machine({ packages, programs: { '/opt/node/bin/node': program } });
    await setUpCuda({ reporter, host });
    expect(reporter.lines).toEqual([`ran ${script} --onnxruntime-node-install=cuda12`]);
  });

  it('is refused where there is none, and fails in one line', async () => {
    const mac = machine({ platform: 'darwin', arch: 'arm64', packages });
    await expect(setUpCuda({ reporter: listener(), host: mac })).rejects.toThrow(
      /^E_UNSUPPORTED: onnxruntime's CUDA provider on darwin arm64, expected Linux on x64/,
    );
    const stderr = 'node:internal/x\nError: getaddrinfo ENOTFOUND a.example\n    at x\n\nNode.js v20\n';
    const host = machine({ packages, programs: { '/opt/node/bin/node': () => ({ code: 1, stderr }) } });
    await expect(setUpCuda({ reporter: listener(), host })).rejects.toThrow(
      /could not fetch the CUDA provider \(getaddrinfo ENOTFOUND a.example\)/,
    );
    const bare = thisMachine({ platform: 'linux', arch: 'x64', packageFolder: () => undefined });
    await expect(setUpCuda({ reporter: listener(), host: bare })).rejects.toThrow(
      'E_ENGINE: no onnxruntime-node',
    );
  });
});
