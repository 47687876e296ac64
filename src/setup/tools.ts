import { dirname, join } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import { atLeast, type Host } from './host.ts';
import { lastLine } from './run.ts';

/** A tool that a set-up needs: found, or what is wrong and the one thing that mends it. */
export type Found<T> =
  | { readonly ok: true; readonly value: T; readonly about: string }
  | { readonly ok: false; readonly problem: string; readonly remedy: string };

/** @throws E_ENGINE where the tool is not there */
export function need<T>(found: Found<T>, what: string): T {
  if (found.ok) return found.value;
  throw new TouchstoneError('E_ENGINE', found.problem, what, found.remedy);
}

/** Programs by the package that has them, for the system at hand. */
function install(host: Host, apt: string, dnf = apt): string {
  if (host.exists('/usr/bin/apt-get')) return `sudo apt-get install -y ${apt}`;
  if (host.exists('/usr/bin/dnf')) return `sudo dnf install -y ${dnf}`;
  return `install ${apt}`;
}

export const OLDEST_PYTHON = '3.10';

export interface Python {
  readonly command: string;
  readonly version: string;
  readonly pip: string;
}

const ABOUT_PYTHON =
  'import sys; print(sys.version.split()[0])\ntry:\n  import pip; print(pip.__version__)\nexcept ImportError: pass';

/** The interpreter that `PYTHON` names, else python3, with pip: it downloads wheels and unpacks them. */
export async function findPython(host: Host): Promise<Found<Python>> {
  const command = host.env.PYTHON || 'python3';
  const { code, stdout, stderr } = await host.run(command, ['-c', ABOUT_PYTHON], { timeout: 30_000 });
  const python = host.env.PYTHON ? 'set PYTHON to an interpreter' : '';
  if (code !== 0)
    return {
      ok: false,
      problem: `no Python at ${command} (${lastLine(stderr)})`,
      remedy: python || install(host, 'python3 python3-pip'),
    };
  const [version = '0', pip] = stdout.trim().split(/\s+/);
  if (!atLeast(version, OLDEST_PYTHON))
    return {
      ok: false,
      problem: `Python ${version} at ${command}`,
      remedy: `set PYTHON to an interpreter of version ${OLDEST_PYTHON} or newer`,
    };
  if (!pip)
    return {
      ok: false,
      problem: `no pip in Python ${version} at ${command}`,
      remedy: host.env.PYTHON ? `${command} -m ensurepip` : install(host, 'python3-pip'),
    };
  return { ok: true, value: { command, version, pip }, about: `${version} with pip ${pip} (${command})` };
}

export interface Compiler {
  readonly command: string;
  /** What stands before the compiler's own arguments, as in `CXX="ccache g++"`. */
  readonly before: readonly string[];
  readonly version: string;
}

/** The C++ compiler that `CXX` names, else g++, else clang++. */
export async function findCompiler(host: Host): Promise<Found<Compiler>> {
  const wanted = host.env.CXX?.trim();
  for (const candidate of wanted ? [wanted] : ['g++', 'clang++']) {
    const [command, ...before] = candidate.split(/\s+/) as [string, ...string[]];
    const { code, stdout } = await host.run(command, [...before, '--version'], { timeout: 30_000 });
    const version = stdout.split('\n')[0]?.trim();
    if (code === 0 && version)
      return { ok: true, value: { command, before, version }, about: `${version} (${candidate})` };
  }
  return {
    ok: false,
    problem: wanted ? `no C++ compiler at CXX=${wanted}` : 'no C++ compiler',
    remedy: wanted ? 'set CXX to one, or unset it' : install(host, 'g++', 'gcc-c++'),
  };
}

/** The folder of node_api.h: npm's own package of it, Node's, or the system's. Any version of it does. */
export function findHeaders(host: Host): Found<string> {
  const npm = host.packageFolder('node-api-headers');
  const { npm_config_nodedir: nodedir } = host.env;
  const places = [
    ...(npm ? [join(npm, 'include')] : []),
    ...(nodedir ? [join(nodedir, 'include', 'node')] : []),
    join(dirname(host.execPath), '..', 'include', 'node'),
    '/usr/include/node',
  ];
  const folder = places.find((place) => host.exists(join(place, 'node_api.h')));
  if (folder) return { ok: true, value: folder, about: folder };
  return {
    ok: false,
    problem: "no Node-API headers (node_api.h), neither in node_modules nor in Node's own folder",
    remedy: 'npm install --no-save node-api-headers',
  };
}
