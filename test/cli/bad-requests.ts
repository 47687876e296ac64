/**
 * Bad requests and what is said to them, as a table: each row is a command; `@x` in it is the file x of the test's folder
 * (harness.ts), `OUT` a folder of the row's own.
 */

export interface Row {
  readonly what: string;
  readonly command: string;
  /** The line, after `error `. */
  readonly line: RegExp;
  /** What OUT holds beforehand. */
  readonly before?: Readonly<Record<string, string>>;
}
const row = (what: string, command: string, line: RegExp, before?: Row['before']): Row => ({
  what,
  command,
  line,
  ...(before ? { before } : {}),
});

const audit = (model: string, data: string, rest = '--eps 0.1') =>
  `audit @${model} --data @${data} ${rest} --out OUT`;
export const withOption = (rest: string) => audit('model.onnx', 'data.npz', rest);
const train = (rest: string, data = 'grey.npz') => `train --data @${data} --out OUT --limit 40 ${rest}`;
const natural = '--method natural --model mnist-cnn --epochs 1';

export const FILES: readonly Row[] = [
  row(
    'a missing model',
    audit('none.onnx', 'data.npz'),
    /^E_FILE: cannot read .*none.onnx: there is no such file/,
  ),
  row('a folder for a model', audit('', 'data.npz'), /^E_FILE: .* is a folder/),
  row('a PNG', audit('image.onnx', 'data.npz'), /^E_ONNX: .*PNG/),
  row('an empty file', audit('empty.onnx', 'data.npz'), /^E_ONNX: an empty file/),
  row('text', audit('text.onnx', 'data.npz'), /^E_ONNX: /),
  row('a truncated model', audit('truncated.onnx', 'data.npz'), /^E_ONNX: .*(truncated|needs)/),
  row('an unsupported operator', audit('odd.onnx', 'data.npz'), /^E_UNSUPPORTED: operator Det "det_d"/),
  row('the same for gradient', 'gradient @odd.onnx --out OUT/g.onnx', /^E_UNSUPPORTED: operator Det "det_d"/),
  row(
    'an old operator set',
    audit('old.onnx', 'data.npz'),
    /^E_UNSUPPORTED: a model in operator set 6, expected 7 to/,
  ),
  row('a missing model to check', 'check @none.onnx --json OUT/c.json', /^E_FILE: cannot read/),
  row('missing data', audit('model.onnx', 'none.npz'), /^E_FILE: cannot read .*none.npz/),
  row('a missing data folder', 'audit @model.onnx --data cifar10:OUT/none --eps 0.1', /^E_FILE: /),
  row('data that is no .npz', audit('model.onnx', 'text.npz'), /^E_DATA: text.npz has no ZIP directory/),
  row('data cut short', audit('model.onnx', 'truncated.npz'), /^E_DATA: /),
  row('an array that is missing', audit('model.onnx', 'nolabels.npz'), /^E_DATA: .*has no array "y"/),
];

export const DATA: readonly Row[] = [
  row(
    'images of another shape',
    audit('model.onnx', 'grey.npz'),
    /^E_SHAPE: images of shape \[1,28,28\], expected \[1, 8, 8\]/,
  ),
  row(
    'labels outside the classes',
    audit('model.onnx', 'label.npz'),
    /^E_LABELS: got label 3 at index 7 of label.npz, expected 0…2/,
  ),
  row('negative labels', audit('model.onnx', 'negative.npz'), /^E_LABELS: labels hold -1 at index 7/),
  row(
    'images in 0–255',
    audit('model.onnx', 'bytes.npz'),
    /^E_RANGE: images reach 2\d\d.*, expected \[0, 1\]/,
  ),
  row('normalised images', audit('model.onnx', 'normal.npz'), /^E_RANGE: images span .*looks normalised/),
  row(
    'NaN in the data',
    audit('model.onnx', 'nan.npz'),
    /^E_RANGE: images hold NaN at index 200 \(image 3\)/,
  ),
  row(
    'NaN in the data, to check',
    'check @model.onnx --data @nan.npz --json OUT/c.json',
    /^E_RANGE: images hold NaN/,
  ),
];

export const OPTIONS: readonly Row[] = [
  row('ε of 0', withOption('--eps 0'), /^E_OPTION: --eps 0, expected a number above 0/),
  row('a negative ε', withOption('--eps=-0.1'), /^E_OPTION: --eps -0.1, expected a number above 0/),
  row('a negative ε apart', withOption('--eps -0.1'), /^E_OPTION: --eps -0.1, expected a number above 0/),
  row(
    'ε that is no number',
    withOption('--eps abc'),
    /^E_OPTION: --eps abc, expected a number such as 8\/255/,
  ),
  row('ε of 8/0', withOption('--eps 8/0'), /^E_OPTION: --eps 8\/0, expected a number/),
  row('ε of 8', withOption('--eps 8'), /^E_OPTION: --eps 8, expected at most 1: .*8\/255, not 8/),
  row('ε without a value', withOption('--eps'), /^E_OPTION: --eps without a value/),
  row(
    'an unknown attack',
    withOption('--eps 0.1 --attacks pgd,pdg'),
    /^E_OPTION: unknown attack "pdg", expected .*pgd/,
  ),
  row('no attack', withOption('--eps 0.1 --attacks ,'), /^E_OPTION: an empty list of attacks/),
  row(
    'an attack without the norm',
    withOption('--eps 0.1 --norm l2 --attacks gaat'),
    /^E_OPTION: attack "gaat" has no l2 form/,
  ),
  row('an unknown norm', withOption('--eps 0.1 --norm l3'), /^E_OPTION: --norm l3, expected linf, l2/),
  row(
    'unknown data',
    'audit @model.onnx --data imagenet --eps 0.1 --out OUT',
    /^E_OPTION: data set 'imagenet', expected mnist/,
  ),
  row(
    'a misspelt option',
    withOption('--eps 0.1 --restart 3'),
    /^E_OPTION: unknown option --restart, expected .*--restarts/,
  ),
  row(
    'an unknown preprocessing',
    withOption('--eps 0.1 --preprocess imagnet'),
    /^E_OPTION: --preprocess imagnet, expected 0\.\.1, .*imagenet.*mean=a,b,c/,
  ),
  row(
    'a preprocessing of three channels for one',
    withOption('--eps 0.1 --preprocess imagenet'),
    /^E_OPTION: a preprocessing of 3 channels, expected 1, as the images have/,
  ),
  row(
    'gradients by something else',
    'gradient @model.onnx --out OUT/g.onnx --wrt weights',
    /^E_OPTION: --wrt weights, expected input, parameters, both/,
  ),
  row(
    'a parameter that is not there',
    'gradient @model.onnx --out OUT/g.onnx --wrt both --parameters nix',
    /^E_OPTION: no parameter "nix", expected a float initializer/,
  ),
  row(
    'an image that is no shape',
    'gradient @model.onnx --out OUT/g.onnx --image 28',
    /^E_OPTION: --image 28, expected channels, height and width/,
  ),
  row(
    'label smoothing of 1',
    'gradient @model.onnx --out OUT/g.onnx --smoothing 1',
    /^E_OPTION: label smoothing 1, expected a share in \[0, 1\)/,
  ),
  row(
    'too few classes for the loss',
    'gradient @model.onnx --out OUT/g.onnx --loss dlr-targeted',
    /^E_UNSUPPORTED: the dlr-targeted loss of 3 classes, expected at least 4/,
  ),
  row(
    'an unknown benchmark',
    'bench nix',
    /^E_OPTION: bench nix, expected engines, methods, .*autoattack, masking, queue, micro/,
  ),
  row(
    'a name to save what has no record',
    'bench micro --save nap',
    /^E_OPTION: --save for bench micro, expected no options/,
  ),
  row('no name to save a record by', 'bench phases --save', /^E_OPTION: --save without a value/),
  row(
    'one record to compare',
    'bench compare one.json',
    /^E_OPTION: bench compare one.json, expected two records/,
  ),
  row(
    'an option of another benchmark',
    'bench cost --html OUT/a.html',
    /^E_OPTION: --html for bench cost, expected --methods, .*--json, --save, --records/,
  ),
  row(
    'a benchmark outside a checkout',
    'bench phases --save nap --records OUT',
    /^E_OPTION: no .*phases.ts, expected a checkout/,
  ),
  row(
    'claims outside a checkout',
    'claims',
    /^E_OPTION: no .*claims.ts, expected a checkout: claims are not in the package/,
  ),
  row('an unknown command', 'adit @model.onnx', /^E_OPTION: unknown command "adit", expected .*audit/),
  row('an option left out', 'audit @model.onnx --data @data.npz --out OUT', /^E_OPTION: no --eps given/),
  row('the model left out', 'audit --data @data.npz --eps 0.1 --out OUT', /^E_OPTION: no MODEL given/),
  row(
    'one argument too many',
    withOption('--eps 0.1 other.onnx'),
    /^E_OPTION: 2 arguments to audit, expected 1/,
  ),
  row('half a step', withOption('--eps 0.1 --steps 1.5'), /^E_OPTION: --steps 1.5, expected a whole number/),
  row(
    'no images',
    withOption('--eps 0.1 --limit 0'),
    /^E_OPTION: --limit 0, expected a whole number of at least 1/,
  ),
  row(
    'a bar above 1',
    withOption('--eps 0.1 --min-robust 45'),
    /^E_OPTION: --min-robust 45, expected a number from 0 to 1/,
  ),
  row(
    'an unknown output',
    withOption('--eps 0.1 --output nix'),
    /^E_OPTION: no output "nix", expected logits/,
  ),
  row('an unknown engine', withOption('--eps 0.1 --engine torch'), /^E_OPTION: --engine torch/),
  row(
    'an unknown loss',
    'gradient @model.onnx --out OUT/g.onnx --loss hinge',
    /^E_OPTION: --loss hinge, expected ce, margin/,
  ),
  row('an unknown split', 'data @data.npz --split val', /^E_OPTION: --split val, expected test, train/),
];

/** Shards and their merge; runs/merge-refusals.test.ts has what merge refuses. */
export const SHARDS: readonly Row[] = [
  row(
    'a shard of none',
    withOption('--eps 0.1 --shard 0/3'),
    /^E_OPTION: --shard 0\/3, expected i\/n with i from 1 to n, as 2\/8/,
  ),
  row(
    'a shard beyond the last',
    withOption('--eps 0.1 --shard 4/3'),
    /^E_OPTION: --shard 4\/3, expected i\/n/,
  ),
  row('a shard without a number', withOption('--eps 0.1 --shard 2'), /^E_OPTION: --shard 2, expected i\/n/),
  row(
    'more shards than chunks',
    withOption('--eps 0.1 --shard 1/3'),
    /^E_OPTION: 3 shards of 40 images in 1 chunk of 512, .* pass --chunk 19 to all of them/,
  ),
  row('a chunk of none', withOption('--eps 0.1 --chunk 0'), /^E_OPTION: --chunk 0, expected a whole number/),
  row(
    'a shard under a budget',
    withOption('--eps 0.1 --shard 1/3 --budget 3s'),
    /^E_OPTION: --budget with --shard, expected a whole audit: give each shard fewer images/,
  ),
  row(
    'a bar for a shard',
    withOption('--eps 0.1 --shard 1/3 --min-robust 0.5'),
    /^E_OPTION: --min-robust with --shard, expected a whole audit: pass it to merge/,
  ),
  row(
    'a shard that leaves nothing behind',
    'audit @model.onnx --data @data.npz --eps 0.1 --shard 1/3',
    /^E_OPTION: --shard without --out, expected a folder/,
  ),
  row('a merge of nothing', 'merge --out OUT', /^E_OPTION: no DIRS? given/),
  row('a merge of no shard', 'merge OUT', /^E_FILE: .*out holds no audit.json/, { 'notes.txt': 'mine' }),
];

/** Experiments; experiment/schema.test.ts and plan.test.ts have what is said of the file. */
export const EXPERIMENTS: readonly Row[] = [
  row('an experiment that is not there', 'run @none.json --out OUT', /^E_FILE: cannot read .*none.json/),
  row('an experiment that is no JSON', 'run @text.onnx --out OUT', /^E_DATA: text.onnx is no JSON/),
  row('no workers', 'run @none.json --workers 0 --out OUT', /^E_OPTION: --workers 0/),
  row(
    'two ways to run',
    'run @none.json --slurm --redis redis://x --out OUT',
    /^E_OPTION: --redis with --slurm/,
  ),
  row(
    'workers of this machine for a queue',
    'run @none.json --redis redis://x --workers 2 --out OUT',
    /^E_OPTION: --workers with --redis, expected one of them/,
  ),
  row('another action than init', 'experiment start', /^E_OPTION: experiment start, expected init/),
];

/** What is written, and where it cannot be. */
const held = { 'notes.txt': 'mine', 'result.json': '{}' };
export const OUTPUTS: readonly Row[] = [
  row(
    'a folder that is not empty',
    withOption('--eps 0.1'),
    /^E_FILE: .* already holds notes.txt, result.json, expected a new folder/,
    held,
  ),
  row(
    'a folder that holds another model of the name',
    withOption('--eps 0.1'),
    /^E_FILE: .* already holds model.onnx/,
    { 'model.onnx': 'another' },
  ),
  row(
    'a file for a folder',
    'audit @model.onnx --data @data.npz --eps 0.1 --out OUT/notes.txt',
    /^E_FILE: .*notes.txt is a file/,
    held,
  ),
  row(
    'a full disk, for JSON',
    'check @model.onnx --json /dev/full',
    /^E_WRITE: cannot write \/dev\/full: the disk is full/,
  ),
  row(
    'a folder for the gradient graph',
    'gradient @model.onnx --out OUT',
    /^E_WRITE: .* is a folder, expected a file/,
    held,
  ),
];

// --- train and export: add rows here as the commands grow ---------------------------------------------------------
export const TRAINING: readonly Row[] = [
  row(
    'an unknown method',
    train('--method magic --model mnist-cnn --epochs 1'),
    /^E_OPTION: unknown method 'magic', expected .*gaat/,
  ),
  row(
    'an unknown model',
    train('--method natural --model lenet --epochs 1'),
    /^E_OPTION: unknown model 'lenet', expected mnist-cnn/,
  ),
  row('an unknown recipe', train('--recipe secret'), /^E_OPTION: unknown recipe 'secret'/),
  row(
    'unknown training data',
    `train --data imagenet --out OUT ${natural}`,
    /^E_OPTION: data set 'imagenet'/,
  ),
  row(
    'a run folder that is not empty',
    train(natural),
    /^E_FILE: .* is not empty, expected a new or empty folder/,
    held,
  ),
  row(
    'no epochs',
    train('--method natural --model mnist-cnn --epochs 0'),
    /^E_OPTION: --epochs 0, expected a whole number of at least 1/,
  ),
  row('training ε of 0', train(`${natural} --eps 0`), /^E_OPTION: --eps 0, expected a number above 0/),
  row(
    'a step size that is no number',
    train(`${natural} --step-size x`),
    /^E_OPTION: --step-size x, expected a number/,
  ),
  row('no steps', train(`${natural} --steps 0`), /^E_OPTION: --steps 0, expected a whole number/),
  row('a limit of 0', `train --data @grey.npz --out OUT --limit 0 ${natural}`, /^E_OPTION: --limit 0/),
  row(
    'both an architecture and a file',
    train(`${natural} --init @model.onnx`),
    /^E_OPTION: both --model and --init, expected one of them/,
  ),
  row(
    'a file to go on from that is not there',
    train('--method natural --init @none.onnx'),
    /^E_FILE: cannot read .*none.onnx/,
  ),
  row(
    'one for other images',
    train('--method natural --init @model.onnx'),
    /^E_SHAPE: images of shape \[1,28,28\], expected \[1, 8, 8\]/,
  ),
  row(
    'one that cannot be differentiated',
    train('--method natural --init @odd.onnx', 'data.npz'),
    /^E_UNSUPPORTED: operator Det "det_d"/,
  ),
  row(
    'an option of another method',
    train('--method efgsm --model mnist-cnn --hessian exact'),
    /^E_OPTION: --hessian with method efgsm/,
  ),
  row(
    'half a rival',
    train('--method efgsm --model mnist-cnn --rivals 0.5'),
    /^E_RANGE: --rivals of 0.5, expected an integer, 0 or more/,
  ),
  row(
    'a misspelt training option',
    train(`${natural} --batchsize 8`),
    /^E_OPTION: unknown option --batchsize/,
  ),
  row(
    'neither --out nor --resume',
    `train --data @grey.npz ${natural}`,
    /^E_OPTION: neither --out nor --resume/,
  ),
  row(
    'training images of another shape',
    train(natural, 'data.npz'),
    /^E_SHAPE: data.npz has images of 1×8×8, expected 1×28×28/,
  ),
  row('NaN in the training data', train(natural, 'nan.npz'), /^E_RANGE: images hold NaN/),
  row('a run that is not there', 'train --resume OUT/none', /^E_FILE: no run.json in .*none/),
  row(
    'settings beside --resume',
    'train --resume OUT/none --epochs 3 --threads 1',
    /^E_OPTION: epochs, threads beside --resume/,
  ),
  row('another seed beside --resume', 'train --resume OUT/none --seed 5', /^E_OPTION: seed beside --resume/),
  row('an unknown engine', 'check @model.onnx --engine jax', /^E_OPTION: --engine jax/),
  row(
    'a run to export that is not there',
    'export OUT/none --out OUT/m.onnx',
    /^E_FILE: no run.json in .*none/,
  ),
  row('a folder to export that is no run', 'export OUT --out OUT/m.onnx', /^E_FILE: no run.json in/, held),
];
