import { join } from 'node:path';
import fs from 'fs-extra';
import { cudaIsSetUp } from '../engine/onnxruntime/cuda.ts';
import { float32, GraphBuilder } from '../graph/index.ts';
import { packageRoot, packageVersion } from '../io/index.ts';
import { type Host, TFJS, tensorflowSetup, thisHost, tryTensorflow } from '../setup/index.ts';
import { allRows, type Packages, type Row } from './doctor-rows.ts';

export interface DoctorReport {
  /** Whether all that is required works. */
  readonly ok: boolean;
  readonly rows: readonly Row[];
}

/** What is set up on this machine, what is not, and the command for it. */
export async function doctorRun(
  host: Host = thisHost(),
  packages: Packages = installedPackages(host),
): Promise<DoctorReport> {
  const rows = await allRows(host, packages);
  return { ok: !rows.some((r) => r.required && r.state === 'broken'), rows };
}

export function installedPackages(host: Host): Packages {
  const root = packageRoot();
  const { engines } = fs.readJsonSync(join(root, 'package.json')) as { engines: { node: string } };
  return {
    engines: engines.node,
    onnxruntime: packageVersion('onnxruntime-node'),
    session: runLeastGraph,
    cudaIsSetUp,
    tensorflow: () => tensorflowSetup(host.packageFolder(TFJS)),
    tryTensorflow: () => tryTensorflow(host, host.packageFolder(TFJS)!),
    checkout: fs.existsSync(join(root, 'src')) ? root : undefined,
  };
}

/** y = x + x. @throws where onnxruntime does not load, or does not add */
async function runLeastGraph(): Promise<void> {
  const { Session } = await import('../engine/onnxruntime/session.ts');
  const b = new GraphBuilder();
  b.input('x', 'float32', [1]);
  b.output(b.op('Add', ['x', 'x']), 'y');
  const session = await Session.create(b.build(), { device: 'cpu', threads: 1 });
  try {
    const y = (await session.run({ x: float32([21], [1]) })).y?.data[0];
    if (y !== 42) throw new Error(`21 + 21 came out as ${y}`);
  } finally {
    await session.close();
  }
}
