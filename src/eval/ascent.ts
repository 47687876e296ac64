import { type Graph, GraphBuilder, type Value } from '../graph/index.ts';
import type { Ascended, AscentStep, AttackLoss, Classifier } from './classifier.ts';
import type { Images } from './images.ts';
import { ascend, type Norm } from './threat.ts';

/**
 * x ← Π(x + α·sign ∇ℓ(x)): one forward and one backward pass per image, by the classifier's own way where it has one. Under L1 the
 * step is always taken here: its selection and its projection are no operators.
 */
export async function ascentStep(
  classifier: Pick<Classifier, 'gradient' | 'ascend'>,
  loss: AttackLoss,
  x: Images,
  y: Int32Array,
  clean: Images,
  step: AscentStep,
): Promise<Ascended> {
  if (classifier.ascend && step.threat.norm !== 'l1') return classifier.ascend(loss, x, y, clean, step);
  const { logits, gradient } = await classifier.gradient(loss, x, y, step.target);
  const next = x.data.slice();
  ascend(next, gradient, clean, step.threat, step.stepSize);
  return { logits, next };
}

/** Below this a norm is zero: no image moves along a zero gradient. */
const NOTHING = 1e-12;

/**
 * `ascend` of threat.ts as a graph, to run where the gradient is: a step of steepest ascent, projected onto the ball around
 * `clean` and onto [0, 1].
 *
 * @param norm L∞ or L2
 * @param perImage whether each image has a radius and a step of its own
 * @returns inputs `x`, `gradient`, `clean` `[N, C, H, W]`, and `epsilon`, `step_size`, scalars or `[N, 1, 1, 1]`; output `next`
 */
export function ascentGraph(norm: Norm, perImage = false): Graph {
  if (norm === 'l1') throw new Error('an ascent under L1 is not a graph');
  const b = new GraphBuilder();
  const shape = ['N', 'C', 'H', 'W'];
  const [x, gradient, clean] = ['x', 'gradient', 'clean'].map((name) => b.input(name, 'float32', shape)) as [
    Value,
    Value,
    Value,
  ];
  const radii = perImage ? ['N', 1, 1, 1] : [];
  const epsilon = b.input('epsilon', 'float32', radii);
  const stepSize = b.input('step_size', 'float32', radii);
  const moved = b.op('Add', [
    x,
    b.op('Mul', [norm === 'linf' ? b.op('Sign', [gradient]) : unit(b, gradient), stepSize]),
  ]);
  const delta = b.op('Sub', [moved, clean]);
  const inBall =
    norm === 'linf'
      ? within(b, delta, epsilon, perImage)
      : b.op('Mul', [delta, shrinkage(b, delta, epsilon)]);
  b.output(b.op('Clip', [b.op('Add', [clean, inBall]), b.scalar(0), b.scalar(1)]), 'next');
  return b.build('ascent');
}

/** Clip takes no more than one number for each side. */
const within = (b: GraphBuilder, delta: Value, epsilon: Value, perImage: boolean): Value => {
  const low = b.op('Neg', [epsilon]);
  if (!perImage) return b.op('Clip', [delta, low, epsilon]);
  return b.op('Min', [b.op('Max', [delta, low]), epsilon]);
};

/** Σ over each image, kept as [N, 1, 1, 1]. */
const perImage = (b: GraphBuilder, op: 'ReduceSum' | 'ReduceMax', v: Value): Value =>
  b.op(op, [v, b.ints([1, 2, 3])], { keepdims: 1 });

const length = (b: GraphBuilder, v: Value): Value =>
  b.op('Sqrt', [perImage(b, 'ReduceSum', b.op('Mul', [v, v]))]);

const atLeast = (b: GraphBuilder, v: Value, low: number): Value => b.op('Clip', [v, b.scalar(low)]);

/** g/‖g‖₂ per image; scaled by its largest element first, so that small gradients do not vanish in their squares. */
function unit(b: GraphBuilder, g: Value): Value {
  const largest = atLeast(b, perImage(b, 'ReduceMax', b.op('Abs', [g])), 1e-37);
  const scaled = b.op('Div', [g, largest]);
  return b.op('Div', [scaled, atLeast(b, length(b, scaled), NOTHING)]);
}

/** min(1, ε/‖δ‖₂) per image. */
function shrinkage(b: GraphBuilder, delta: Value, epsilon: Value): Value {
  const ratio = b.op('Div', [epsilon, atLeast(b, length(b, delta), NOTHING)]);
  return b.op('Clip', [ratio, '', b.scalar(1)]);
}
