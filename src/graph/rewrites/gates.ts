import { float, floatOf, intOf, stringOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Attribute, Node } from '../ir.ts';
import { softsign, thresholdedRelu } from './activations.ts';
import { malformed, unsupported } from './parts.ts';

/** An activation with its parameters filled in. */
export type Activation = (b: GraphBuilder, x: Value) => Value;

/** A function of x, α and β, with the defaults that ONNX gives α and β; `undefined` where it takes none. */
interface Definition {
  readonly alpha?: number;
  readonly beta?: number;
  readonly apply: (b: GraphBuilder, x: Value, alpha: number, beta: number) => Value;
}

const plain = (op: string): Definition => ({ apply: (b, x) => b.op(op, [x]) });

const affine = (b: GraphBuilder, x: Value, alpha: number, beta: number): Value =>
  b.op('Add', [b.op('Mul', [x, b.scalar(alpha)]), b.scalar(beta)]);

/** The activations of ONNX's recurrent operators, by name in lower case. */
const DEFINITIONS: ReadonlyMap<string, Definition> = new Map<string, Definition>([
  ['affine', { alpha: 1, beta: 0, apply: affine }],
  ['elu', { alpha: 1, apply: (b, x, alpha) => b.op('Elu', [x], { alpha: float(alpha) }) }],
  [
    'hardsigmoid',
    {
      alpha: 0.2,
      beta: 0.5,
      apply: (b, x, alpha, beta) => b.op('HardSigmoid', [x], { alpha: float(alpha), beta: float(beta) }),
    },
  ],
  ['leakyrelu', { alpha: 0.01, apply: (b, x, alpha) => b.op('LeakyRelu', [x], { alpha: float(alpha) }) }],
  ['relu', plain('Relu')],
  [
    'scaledtanh',
    {
      alpha: 1,
      beta: 1,
      apply: (b, x, alpha, beta) =>
        b.op('Mul', [b.op('Tanh', [b.op('Mul', [x, b.scalar(beta)])]), b.scalar(alpha)]),
    },
  ],
  ['sigmoid', plain('Sigmoid')],
  ['softplus', plain('Softplus')],
  ['softsign', { apply: softsign }],
  ['tanh', plain('Tanh')],
  ['thresholdedrelu', { alpha: 1, apply: thresholdedRelu }],
]);

function definitionOf(n: Node, name: string): Definition {
  const found = DEFINITIONS.get(name.toLowerCase());
  if (!found) throw unsupported(n, `activation "${name}"`, [...DEFINITIONS.keys()].join(', '));
  return found;
}

const listOf = (a: Attribute | undefined): readonly number[] => (a?.type === 'floats' ? a.value : []);

/**
 * The activations of a recurrent node, `defaults.length` for each direction. The values of activation_alpha and
 * activation_beta go, in order, to the activations that take such a parameter.
 */
export function activationsOf(n: Node, directions: number, defaults: readonly string[]): Activation[][] {
  const given = n.attributes.get('activations');
  const names =
    given?.type === 'strings' && given.value.length > 0
      ? given.value
      : new Array<readonly string[]>(directions).fill(defaults).flat();
  if (names.length !== directions * defaults.length)
    throw malformed(n, `has ${names.length} activations`, `${directions * defaults.length}`);
  const [alphas, betas] = [
    listOf(n.attributes.get('activation_alpha')),
    listOf(n.attributes.get('activation_beta')),
  ];
  let [nextAlpha, nextBeta] = [0, 0];
  const all = names.map((name): Activation => {
    const { alpha, beta, apply } = definitionOf(n, name);
    const a = alpha === undefined ? 0 : (alphas[nextAlpha++] ?? alpha);
    const c = beta === undefined ? 0 : (betas[nextBeta++] ?? beta);
    return (b, x) => apply(b, x, a, c);
  });
  return Array.from({ length: directions }, (_, d) =>
    all.slice(d * defaults.length, (d + 1) * defaults.length),
  );
}

/** The activation that onnxruntime's fused operators apply at their end, `''` for none. */
export function fusedActivation(b: GraphBuilder, n: Node, x: Value, parameters: readonly number[]): Value {
  const name = stringOf(n, 'activation', '');
  if (name === '') return x;
  const [first, second] = parameters;
  if (name === 'Clip') {
    const bounds = [first, second].map((v) => (v === undefined ? '' : b.scalar(v)));
    return b.op('Clip', [x, ...bounds]);
  }
  if (name === 'HardSwish') return b.op('Mul', [x, b.op('HardSigmoid', [x], hardSwish)]);
  const { alpha = 0, beta = 0, apply } = definitionOf(n, name);
  return apply(b, x, first ?? alpha, second ?? beta);
}

const hardSwish = { alpha: float(1 / 6), beta: float(0.5) };

/** The parameters that FusedGemm keeps as attributes of their own. */
export const namedParameters = (n: Node): number[] =>
  ['activation_alpha', 'activation_beta', 'activation_gamma']
    .filter((name) => n.attributes.has(name))
    .map((name) => floatOf(n, name, 0));

/** Refuses what the unrolled form does not compute. */
export function checkRecurrent(n: Node): void {
  const clip = n.attributes.get('clip');
  if (clip?.type === 'float' && clip.value > 0)
    throw unsupported(n, `clip ${clip.value}`, 'no clip', 'export the model without a cell clip');
  const layout = intOf(n, 'layout', 0);
  if (layout !== 0 && layout !== 1) throw malformed(n, `has layout ${layout}`, '0 or 1');
}
