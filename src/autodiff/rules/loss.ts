import { int64, intOf, type Node, stringOf, type Value } from '../../graph/index.ts';
import { fixedDims, type Rule, refuse, type Tape } from '../tape.ts';

/**
 * ℓ = −w_y·log softmax(z)_y per sample (and pixel), summed or averaged (over the weights) where the node says so:
 * dz = g·w_y·(softmax(z) − onehot(y)), in one piece for its accuracy. Labels that are ignored have the weight 0.
 */
export const SoftmaxCrossEntropyLoss: Rule = (t, node, [g, gLogProbabilities]) => {
  const [scores, labels, classWeights] = node.inputs as [Value, Value, Value?];
  if (classWeights && t.needs(node, 2)) throw refuse(node, 'has class weights that depend on the input');
  const [classes] = fixedDims(node, [t.shape(scores)[1] ?? null]) as [number];
  const probabilities = t.b.op('Softmax', [scores], { axis: 1 });
  return t.each(node, () => {
    const parts: Value[] = [];
    if (g) {
      const { safe, weights } = weighted(t, node, labels, classWeights);
      const onehot = t.b.op('OneHot', [safe, t.b.ints([classes]), t.b.floats([0, 1])], { axis: 1 });
      const error = t.sub(probabilities, onehot);
      parts.push(t.mul(error, perSample(t, node, g, weights)));
    }
    if (gLogProbabilities) {
      const total = t.sum(gLogProbabilities, [1]);
      parts.push(t.sub(gLogProbabilities, t.mul(probabilities, total)));
    }
    return parts.reduce((a, b) => t.add(a, b));
  });
};

/** The weight of each label (undefined: all 1), and labels that are classes even where they are ignored. */
function weighted(
  t: Tape,
  node: Node,
  labels: Value,
  classWeights: Value | undefined,
): { safe: Value; weights?: Value } {
  let safe = t.type(labels).dtype === 'int64' ? labels : t.b.op('Cast', [labels], { to: 7 });
  let kept: Value | undefined;
  if (node.attributes.has('ignore_index')) {
    const ignored = t.b.op('Equal', [safe, t.b.constant(labelOf(intOf(node, 'ignore_index', 0)))]);
    kept = t.sub(1, t.b.op('Cast', [ignored], { to: 1 }));
    safe = t.b.op('Where', [ignored, t.b.constant(labelOf(0)), safe]);
  }
  if (!classWeights) return { safe, ...(kept && { weights: kept }) };
  const own = t.b.op('Gather', [classWeights, safe]);
  return { safe, weights: kept ? t.mul(own, kept) : own };
}

/** g times the weights, divided by their sum for a mean, with an axis of size 1 for the classes: it broadcasts. */
function perSample(t: Tape, node: Node, g: Value, weights: Value | undefined): Value {
  const reduction = stringOf(node, 'reduction', 'mean');
  const labels = node.inputs[1]!;
  const all = weights ?? t.add(t.zerosLike(labels), t.b.scalar(1));
  let share = g;
  if (reduction === 'mean')
    share = t.div(
      g,
      t.sum(
        all,
        t.shape(all).map((_, i) => i),
        false,
      ),
    );
  if (reduction === 'none' && !weights) return t.b.op('Unsqueeze', [share, t.b.ints([1])]);
  if (!weights) return share;
  return t.b.op('Unsqueeze', [t.mul(weights, share), t.b.ints([1])]);
}

const labelOf = (value: number) => int64([Math.trunc(value) || 0], []);
