import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { logSumExp } from './reduce.ts';
import { along } from './strides.ts';

type Line = (line: Float64Array, out: Float64Array) => void;

/** log yᵢ = xᵢ − log Σ eˣ */
export const logSoftmaxOf: Line = (line, out) => {
  const shift = logSumExp(line);
  for (let i = 0; i < line.length; i++) out[i] = line[i]! - shift;
};

export const softmaxOf: Line = (line, out) => {
  logSoftmaxOf(line, out);
  for (let i = 0; i < out.length; i++) out[i] = Math.exp(out[i]!);
};

const hardmaxOf: Line = (line, out) => {
  let at = 0;
  for (let i = 1; i < line.length; i++) if (line[i]! > line[at]!) at = i;
  out.fill(0);
  out[at] = 1;
};

const normaliser =
  (f: Line): Kernel =>
  (c) => {
    const x = c.input(0);
    const axis = c.axis(c.int('axis', -1), x.shape.length);
    return [along(c, x, axis, x.shape[axis]!, f)];
  };

export const Softmax = normaliser(softmaxOf);
export const LogSoftmax = normaliser(logSoftmaxOf);
export const Hardmax = normaliser(hardmaxOf);

/**
 * −w[t]·log softmax(x)[t] per position, added up or averaged by the weights; labels that are `ignore_index` count
 * nothing. The second output is the log-probabilities.
 */
export const SoftmaxCrossEntropyLoss: Kernel = (c) => {
  const [scores, labels, weights] = [c.input(0), c.input(1), c.optional(2)];
  const classes = scores.shape[1];
  const shape = [...scores.shape.slice(0, 1), ...scores.shape.slice(2)];
  if (classes === undefined || labels.shape.join() !== shape.join())
    throw c.misfit(`got labels of shape [${labels.shape.join(', ')}]`, `[${shape.join(', ')}]`);
  if (weights && weights.data.length !== classes)
    throw c.misfit(`got ${weights.data.length} weights`, `${classes}`);
  const logs = along(c, scores, 1, classes, logSoftmaxOf);
  const loss = c.make(scores.dtype, shape);
  const ignored = c.node.attributes.has('ignore_index') ? c.int('ignore_index', 0) : undefined;
  const inner = elements(shape.slice(1));
  let total = 0;
  for (let i = 0; i < loss.data.length; i++) {
    const label = labels.data[i]!;
    if (label === ignored) continue;
    if (!(label >= 0 && label < classes)) throw c.outside(`got label ${label}`, `one of ${classes} classes`);
    const weight = weights?.data[label] ?? 1;
    loss.data[i] = -weight * logs.data[(Math.floor(i / inner) * classes + label) * inner + (i % inner)]!;
    total += weight;
  }
  return [reducedLoss(c, loss, total), logs];
};

function reducedLoss(c: Call, loss: Dense, total: number): Dense {
  const reduction = c.string('reduction', 'mean');
  if (reduction === 'none') return loss;
  const y = c.make(loss.dtype, []);
  y.data[0] = loss.data.reduce((a, b) => a + b, 0) / (reduction === 'sum' ? 1 : total);
  return y;
}
