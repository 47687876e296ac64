/** Whether TensorFlow's native part is set up, told from files alone: nothing native is loaded, nothing is run. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TENSORFLOW, type Variant } from './wheels.ts';

export const TFJS = '@tensorflow/tfjs-node-gpu';

/** The one command that sets the native part up. */
export const SETUP_COMMAND = 'run `npx touchstone setup tensorflow`';

export type TensorflowSetup =
  | { readonly state: 'ready'; readonly variant: Variant; readonly version: string }
  | { readonly state: 'missing' | 'stale'; readonly reason: string; readonly remedy: string };

/** What lies beside the binding: which build it is, and of what. */
export interface Manifest {
  readonly tensorflow: string;
  readonly variant: Variant;
  /** Version of the npm package whose C++ it was built from. */
  readonly package: string;
  /** SHA-256 of what stands where tfjs-node looks, and of the binding that it loads. */
  readonly binding: string;
  readonly native: string;
  /** The folder that it finds libtensorflow in. */
  readonly libraries: string;
}

export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Where tfjs-node looks for its binding, and what lies beside it. */
export interface BindingPlace {
  readonly folder: string;
  /** Loads `native`, in silence. */
  readonly binding: string;
  /** Compiled of tfjs-node's sources; its name is known to quiet_binding.cc. */
  readonly native: string;
  readonly manifest: string;
  readonly napi: number;
  readonly version: string;
}

/**
 * @param packageFolder of tfjs-node
 * @param napi the Node-API version that Node offers; the package names those that it can be built for
 */
export function bindingPlace(packageFolder: string, napi = Number(process.versions.napi)): BindingPlace {
  const meta = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
    version: string;
    binary: { napi_versions: number[] };
  };
  const best = Math.max(...meta.binary.napi_versions.filter((v) => v <= napi));
  const folder = join(packageFolder, 'lib', `napi-v${best}`);
  return {
    folder,
    binding: join(folder, 'tfjs_binding.node'),
    native: join(folder, 'tfjs_native.node'),
    manifest: join(folder, 'tfjs_binding.json'),
    napi: best,
    version: meta.version,
  };
}

/**
 * Takes about a millisecond.
 *
 * @param packageFolder @default the installed package's
 */
export function tensorflowSetup(packageFolder = installedPackage()): TensorflowSetup {
  if (!packageFolder) return { state: 'missing', reason: `${TFJS} is not installed`, remedy: 'run `npm ci`' };
  const place = bindingPlace(packageFolder);
  if (!existsSync(place.binding))
    return { state: 'missing', reason: "TensorFlow's native part is not set up", remedy: SETUP_COMMAND };
  const reason = staleness(place, readManifest(place));
  if (reason !== undefined) return { state: 'stale', reason, remedy: SETUP_COMMAND };
  const { variant, tensorflow } = readManifest(place)!;
  return { state: 'ready', variant, version: tensorflow };
}

function staleness(place: BindingPlace, manifest: Manifest | undefined): string | undefined {
  if (!manifest) return 'the native part in place is not one that touchstone built';
  if (manifest.tensorflow !== TENSORFLOW)
    return `it is set up with TensorFlow ${manifest.tensorflow}, not ${TENSORFLOW}`;
  if (manifest.package !== place.version)
    return `it was built for ${TFJS} ${manifest.package}, not ${place.version}`;
  if (changedPart(place, manifest)) return 'the native part in place was changed or half written';
  const lost = LIBRARIES.find((name) => !existsSync(join(manifest.libraries, name)));
  return lost && `${lost} is gone from ${manifest.libraries}`;
}

/** The first of the two files that is not the one that was put in place. */
export const changedPart = (place: BindingPlace, manifest: Manifest): 'binding' | 'native' | undefined =>
  (['binding', 'native'] as const).find(
    (part) =>
      !existsSync(place[part]) ||
      createHash('sha256').update(readFileSync(place[part])).digest('hex') !== manifest[part],
  );

/** What was recorded beside the binding; undefined where nothing readable is. */
export function readManifest({ manifest }: Pick<BindingPlace, 'manifest'>): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(manifest, 'utf8')) as Manifest;
  } catch {
    return undefined;
  }
}

function installedPackage(): string | undefined {
  const places = createRequire(import.meta.url).resolve.paths(TFJS) ?? [];
  return places.map((place) => join(place, TFJS)).find((folder) => existsSync(join(folder, 'package.json')));
}
