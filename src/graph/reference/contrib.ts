/**
 * Kernels of the domain com.microsoft, which onnxruntime's optimiser and quantiser write:
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import * as activation from './activation.ts';
import { zipped } from './arithmetic.ts';
import { Conv } from './conv.ts';
import { mapped } from './elementwise.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { joined } from './layout.ts';
import { flipped, multiplied, Gemm as plainGemm } from './linear.ts';
import { layerNormalised } from './normalisation.ts';
import { AveragePool } from './pool.ts';
import { dequantised, quantised } from './quantise.ts';
import { GlobalAveragePool } from './reduce.ts';
import { Softmax } from './softmax.ts';
import { permuted } from './strides.ts';

const add = (c: Call, a: Dense, b: Dense | undefined): Dense => (b ? zipped(c, a, b, (x, y) => x + y) : a);

export const Gelu: Kernel = (c) => [mapped(c, c.input(0), activation.gelu)];
export const BiasGelu: Kernel = (c) => [mapped(c, add(c, c.input(0), c.input(1)), activation.gelu)];
export const FastGelu: Kernel = (c) => [mapped(c, add(c, c.input(0), c.optional(1)), activation.geluTanh)];

/** x·σ(αx) */
export const QuickGelu: Kernel = (c) => {
  const alpha = c.float('alpha', 1.702);
  return [mapped(c, c.input(0), (x) => x * activation.sigmoid(alpha * x))];
};

/** The activations that may be fused, with their parameters in order. */
const FUSED: Readonly<Record<string, (x: number, a: number, b: number) => number>> = {
  Clip: (x, low, high) => Math.min(Math.max(x, low), high),
  Elu: activation.elu,
  HardSigmoid: activation.hardSigmoid,
  LeakyRelu: activation.leakyRelu,
  Relu: activation.relu,
  Sigmoid: activation.sigmoid,
  Softplus: activation.softplus,
  Softsign: activation.softsign,
  Tanh: Math.tanh,
  ThresholdedRelu: activation.thresholdedRelu,
};

function activated(c: Call, x: Dense, parameters: readonly number[]): Dense {
  const name = c.string('activation', '');
  if (name === '') return x;
  const f = Object.hasOwn(FUSED, name) ? FUSED[name] : undefined;
  if (!f) throw c.unsupported(`fuses ${name}`, Object.keys(FUSED).join(', '));
  return mapped(c, x, (v) => f(v, parameters[0] ?? 0, parameters[1] ?? 0));
}

/** Conv, plus a fourth input, then an activation. */
export const FusedConv: Kernel = (c) => {
  const a = c.node.attributes.get('activation_params');
  const y = Conv(c.with([c.input(0), c.input(1), c.optional(2)]))[0]!;
  return [activated(c, add(c, y, c.optional(3)), a?.type === 'floats' ? a.value : [])];
};

export const FusedGemm: Kernel = (c) => [
  activated(c, plainGemm(c)[0]!, [c.float('activation_alpha', 0), c.float('activation_beta', 0)]),
];

/** α·A′B′. A batch transposition moves the first axis to just before the last. */
export const FusedMatMul: Kernel = (c) => {
  const operand = (i: number, side: 'A' | 'B'): Dense => {
    const x = c.input(i);
    const { length } = x.shape;
    const axes = x.shape.map((_, a) => a);
    const moved =
      c.int(`transBatch${side}`, 0) !== 0 && length > 2
        ? permuted(c, x, [...axes.slice(1, -1), 0, length - 1])
        : x;
    return c.int(`trans${side}`, 0) !== 0 && length > 1 ? flipped(c, moved) : moved;
  };
  const alpha = c.float('alpha', 1);
  return [mapped(c, multiplied(c, operand(0, 'A'), operand(1, 'B')), (x) => alpha * x)];
};

/** LayerNormalization of input + skip + bias over the last axis; that sum is the fourth output. */
export const SkipLayerNormalization: Kernel = (c) => {
  const x = c.input(0);
  const sum = add(c, add(c, x, c.input(1)), c.optional(4));
  if (sum.data.length !== x.data.length || x.shape.length === 0)
    throw c.misfit(`got a skip of shape [${c.input(1).shape.join(', ')}]`, `[${x.shape.join(', ')}]`);
  const normalised = layerNormalised(c, sum, {
    scale: c.input(2),
    bias: c.optional(3),
    count: x.shape.at(-1)!,
    kept: [...x.shape.slice(0, -1), 1],
    epsilon: c.float('epsilon', 1e-12),
  });
  return [...normalised, sum];
};

const ONE = { axis: 0 };

/** Input `i` dequantised by the two after it. */
const real = (c: Call, i: number): Dense =>
  dequantised(c, c.input(i), c.input(i + 1), c.optional(i + 2), ONE);

/** Quantised by inputs `i` and `i + 1`; without a zero point, as the type that is given. */
const narrowed = (c: Call, x: Dense, i: number, dtype = c.input(0).dtype): Dense => {
  const zero = c.optional(i + 1);
  return quantised(c, x, c.input(i), zero, zero?.dtype ?? dtype, ONE);
};

/** An operator on one quantised tensor: x, its scale and zero point, then those of the result. */
const quantisedUnary =
  (f: (c: Call, x: Dense) => Dense): Kernel =>
  (c) => [narrowed(c, f(c, real(c, 0)), 3)];

const quantisedBinary =
  (f: (a: number, b: number) => number): Kernel =>
  (c) => [narrowed(c, zipped(c, real(c, 0), real(c, 3), f), 6)];

export const QLinearAdd = quantisedBinary((a, b) => a + b);
export const QLinearMul = quantisedBinary((a, b) => a * b);
export const QLinearSigmoid = quantisedUnary((c, x) => mapped(c, x, activation.sigmoid));
export const QLinearLeakyRelu = quantisedUnary((c, x) => {
  const alpha = c.float('alpha', 0.01);
  return mapped(c, x, (v) => activation.leakyRelu(v, alpha));
});

/** A pooling kernel on images whose channels may be last. */
const pooled = (kernel: Kernel): Kernel =>
  quantisedUnary((c, x) => {
    if (c.int('channels_last', 0) === 0) return kernel(c.with([x]))[0]!;
    const { length } = x.shape;
    if (length < 3) throw c.misfit(`got rank ${length}`, 'rank 3 at least');
    const axes = x.shape.map((_, i) => i);
    const first = permuted(c, x, [0, length - 1, ...axes.slice(1, -1)]);
    return permuted(c, kernel(c.with([first]))[0]!, [0, ...axes.slice(2), 1]);
  });

export const QLinearAveragePool = pooled(AveragePool);
export const QLinearGlobalAveragePool = pooled(GlobalAveragePool);

/** Before operator set 13 over all axes from `axis` on, as if flattened. */
export const QLinearSoftmax = quantisedUnary((c, x) => {
  if (c.int('opset', 13) >= 13) return Softmax(c.with([x]))[0]!;
  const axis = c.axis(c.int('axis', 1), x.shape.length);
  const columns = elements(x.shape.slice(axis));
  const flat = c.reshaped(x, [x.data.length / Math.max(columns, 1), columns]);
  const last = new Map(c.node.attributes).set('axis', { type: 'int', value: 1 });
  return c.reshaped(Softmax(c.as({ ...c.node, attributes: last }).with([flat]))[0]!, x.shape);
});

/** The result's scale and zero point, then a tensor, its scale and its zero point, over and over. */
export const QLinearConcat: Kernel = (c) => {
  const parts: Dense[] = [];
  for (let i = 2; i < c.inputs.length; i += 3) parts.push(real(c, i));
  const first = parts[0];
  if (!first) throw c.misfit('joins nothing', 'one tensor at least');
  return [narrowed(c, joined(c, parts, c.axis(c.int('axis', 0), first.shape.length)), 0, c.input(2).dtype)];
};

/** α·a_scale·b_scale·((A − a_zero)′(B − b_zero)′ + C), quantised where y has a scale. */
export const QGemm: Kernel = (c) => {
  const [a, b, bias] = [c.input(0, 2), c.input(3, 2), c.optional(6)];
  const turned = c.int('transB', 0) !== 0;
  const columns = { axis: turned ? 0 : 1 };
  const left = dequantised(c, a, c.input(1), c.optional(2), ONE);
  const right = dequantised(c, b, c.input(4), c.optional(5), columns);
  const product = multiplied(
    c,
    c.int('transA', 0) !== 0 ? flipped(c, left) : left,
    turned ? flipped(c, right) : right,
  );
  const scale = zipped(c, c.input(1), c.input(4), (x, y) => x * y);
  const shift = bias && dequantised(c, bias, scale, undefined, { axis: -1 });
  const alpha = c.float('alpha', 1);
  const y = mapped(c, add(c, product, shift), (x) => alpha * x);
  return [c.optional(7) ? narrowed(c, y, 7) : y];
};
