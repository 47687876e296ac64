import { float32, floatOf, intOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { DataType, Node } from '../ir.ts';
import {
  axesFrom,
  axisWithin,
  bounded,
  castTo,
  floatInput,
  inputOf,
  MOST_ELEMENTS,
  malformed,
  scaledBy,
  shapeOfRank,
  spend,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/*
 * Integer operators as DequantizeLinear → float operator → QuantizeLinear. What they accumulate exactly in int32 is here
 * accumulated in float32: exact up to 2²⁴, and beyond that a relative 6e-8, which now and then moves a result by one quantum.
 */

const QUANTISED: readonly DataType[] = ['uint8', 'int8', 'uint16', 'int16', 'int32'];

/** The axis that scales run along: `undefined` where there is one for all. */
function scaleAxis(b: GraphBuilder, n: Node, scale: Value, axis: number): number | undefined {
  const shape = b.shape(scale);
  if (shape.length === 0 || (shape.length === 1 && shape[0] === 1)) return undefined;
  if (shape.length === 1) return axis;
  throw unsupported(n, `scales of rank ${shape.length}`, 'one scale, or one per row or column');
}

/** A scale or zero point of one element as a scalar. */
function scalarOf(b: GraphBuilder, v: Value): Value {
  if (v === '' || b.shape(v).length === 0) return v;
  const t = b.constantValue(v);
  return t ? b.constant({ ...t, shape: [] }, v) : b.op('Reshape', [v, b.ints([])]);
}

/** (q − zero)·scale; at once for a constant, so that a layer's weights stay constant. */
function dequantised(b: GraphBuilder, n: Node, q: Value, scale: Value, zero: Value, axis: number): Value {
  const { dtype, shape } = b.type(q);
  if (!QUANTISED.includes(dtype)) throw malformed(n, `takes ${dtype}`, QUANTISED.join(', '));
  const along = scaleAxis(b, n, scale, axisWithin(n, axis, Math.max(1, shape.length)));
  const [values, scales] = [b.constantValue(q), b.constantValue(scale)];
  const zeros = zero === '' ? undefined : b.constantValue(zero);
  const count = along === undefined ? 1 : shape[along];
  const known = values && scales && (zero === '' || zeros);
  if (!known || values.data.length > MOST_ELEMENTS) {
    const inputs = along === undefined ? [scalarOf(b, scale), scalarOf(b, zero)] : [scale, zero];
    const given = inputs[1] === '' ? [q, inputs[0]!] : [q, ...inputs];
    return b.op('DequantizeLinear', given, along === undefined ? {} : { axis: along });
  }
  if (scales.data.length !== count || (zeros && zeros.data.length !== 1 && zeros.data.length !== count))
    throw malformed(n, `has ${scales.data.length} scales along an axis of ${count}`, 'as many');
  spend(b, n, values.data.length);
  const inner = values.shape.slice((along ?? -1) + 1).reduce((a, d) => a * d, 1);
  const at = (list: ArrayLike<number | bigint | string>, i: number): number =>
    Number(list.length === 1 ? list[0] : list[Math.floor(i / inner) % list.length]);
  const data = Float32Array.from(
    values.data as ArrayLike<number>,
    (v, i) => (v - (zeros ? at(zeros.data, i) : 0)) * at(scales.data, i),
  );
  return b.constant(float32(data, values.shape), q);
}

/** Input i with its scale and zero point, in the two inputs after it. */
const dequantisedInput = (b: GraphBuilder, n: Node, i: number, axis = 0): Value =>
  dequantised(b, n, inputOf(n, i), floatInput(b, n, i + 1), n.inputs[i + 2] ?? '', axis);

/** Quantised with the scale and zero point at input i. */
function quantised(b: GraphBuilder, n: Node, y: Value, i: number): Value {
  const scale = floatInput(b, n, i);
  const zero = n.inputs[i + 1] ?? '';
  if (scaleAxis(b, n, scale, 0) !== undefined)
    throw unsupported(n, 'an output with several scales', 'one scale for all of the output');
  const s = scalarOf(b, scale);
  return b.op('QuantizeLinear', zero ? [y, s, scalarOf(b, zero)] : [y, s]);
}

/** The node's attributes of these names, as they are. */
const kept = (n: Node, names: readonly string[]) =>
  Object.fromEntries([...n.attributes].filter(([name]) => names.includes(name)));

const CONV = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'];
const POOL = ['auto_pad', 'ceil_mode', 'count_include_pad', 'kernel_shape', 'pads', 'strides'];

/** The product of two scales, at once where both are constant, as a bias's scale. */
function scaleProduct(b: GraphBuilder, first: Value, second: Value, factor = 1): Value {
  const [s, t] = [b.constantValue(first), b.constantValue(second)];
  if (!s || !t) return scaledBy(b, b.op('Mul', [first, second]), factor);
  const [many, one] = s.data.length > t.data.length ? [s, t] : [t, s];
  const single = Number(one.data[0]) * factor;
  return b.constant(
    float32(
      Float32Array.from(many.data as ArrayLike<number>, (v) => v * single),
      many.shape,
    ),
  );
}

export const QLinearConv: Rewrite = (b, n) => {
  const [x, w] = [dequantisedInput(b, n, 0), dequantisedInput(b, n, 3, 0)];
  const inputs = [x, w];
  if (n.inputs[8]) {
    const scale = scaleProduct(b, scalarOf(b, floatInput(b, n, 1)), floatInput(b, n, 4));
    inputs.push(dequantised(b, n, n.inputs[8], scale, '', 0));
  }
  return [quantised(b, n, b.op('Conv', inputs, kept(n, CONV)), 6)];
};

/** Rows of the left matrix and columns of the right one may have scales of their own. */
const rows = (b: GraphBuilder, v: Value): number => Math.max(0, b.shape(v).length - 2);
const columns = (b: GraphBuilder, v: Value): number => Math.max(0, b.shape(v).length - 1);

export const QLinearMatMul: Rewrite = (b, n) => {
  const left = dequantisedInput(b, n, 0, rows(b, inputOf(n, 0)));
  const right = dequantisedInput(b, n, 3, columns(b, inputOf(n, 3)));
  return [quantised(b, n, b.op('MatMul', [left, right]), 6)];
};

// Y = α·A·B + C, where C counts in units of α·s_A·s_B; in float where no scale of Y is given
export const QGemm: Rewrite = (b, n) => {
  const [transA, transB] = [intOf(n, 'transA', 0), intOf(n, 'transB', 0)];
  const alpha = floatOf(n, 'alpha', 1);
  const inputs = [dequantisedInput(b, n, 0), dequantisedInput(b, n, 3, transB ? 0 : 1)];
  if (n.inputs[6]) {
    const scale = scaleProduct(b, scalarOf(b, floatInput(b, n, 1)), floatInput(b, n, 4), alpha);
    inputs.push(dequantised(b, n, n.inputs[6], scale, '', columns(b, n.inputs[6])));
  }
  const y = b.op('Gemm', inputs, { transA, transB, alpha: { type: 'float', value: alpha } });
  return [n.inputs[7] ? quantised(b, n, y, 7) : y];
};

/** q − zero as floats: exact integers. */
function centred(b: GraphBuilder, n: Node, i: number, zeroAt: number, axis: number): Value {
  const q = inputOf(n, i);
  const zero = n.inputs[zeroAt] ?? '';
  const perAxis = zero !== '' && b.shape(zero).length === 1 && b.shape(zero)[0] !== 1;
  const size = perAxis ? b.shape(zero)[0] : undefined;
  if (perAxis && typeof size !== 'number') throw unsupported(n, 'zero points of unknown number', 'constants');
  if (zero !== '' && b.shape(zero).length > 1)
    throw unsupported(n, `zero points of rank ${b.shape(zero).length}`, 'one, or one per row or column');
  bounded(b, n, Number(size ?? 1), 'scales');
  const scale = typeof size === 'number' ? b.floats(new Float32Array(size).fill(1)) : b.scalar(1);
  return dequantised(b, n, q, scale, perAxis ? zero : scalarOf(b, zero), axis);
}

export const ConvInteger: Rewrite = (b, n) => {
  const y = b.op('Conv', [centred(b, n, 0, 2, 0), centred(b, n, 1, 3, 0)], kept(n, CONV));
  return [castTo(b, y, 'int32')];
};

export const MatMulInteger: Rewrite = (b, n) => {
  const left = centred(b, n, 0, 2, rows(b, inputOf(n, 0)));
  const right = centred(b, n, 1, 3, columns(b, inputOf(n, 1)));
  return [castTo(b, b.op('MatMul', [left, right]), 'int32')];
};

// s = (max(0, x) − min(0, x))/255, z = round(−min/s), y = saturate(round(x/s) + z)
export const DynamicQuantizeLinear: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const zero = b.scalar(0);
  const high = b.op('Max', [b.op('ReduceMax', [x], { keepdims: 0 }), zero]);
  const low = b.op('Min', [b.op('ReduceMin', [x], { keepdims: 0 }), zero]);
  const range = b.op('Div', [b.op('Sub', [high, low]), b.scalar(255)]);
  const scale = b.op('Where', [b.op('Equal', [range, zero]), b.scalar(1), range]);
  const offset = b.op('Round', [b.op('Div', [b.op('Neg', [low]), scale])]);
  const point = castTo(b, b.op('Clip', [offset, zero, b.scalar(255)]), 'uint8');
  return [b.op('QuantizeLinear', [x, scale, point]), scale, point];
};

const binary =
  (op: string): Rewrite =>
  (b, n) => [quantised(b, n, b.op(op, [dequantisedInput(b, n, 0), dequantisedInput(b, n, 3)]), 6)];
export const QLinearAdd: Rewrite = binary('Add');
export const QLinearMul: Rewrite = binary('Mul');

export const QLinearSigmoid: Rewrite = (b, n) => [
  quantised(b, n, b.op('Sigmoid', [dequantisedInput(b, n, 0)]), 3),
];
export const QLinearLeakyRelu: Rewrite = (b, n) => {
  const alpha = { type: 'float', value: floatOf(n, 'alpha', 0.01) } as const;
  return [quantised(b, n, b.op('LeakyRelu', [dequantisedInput(b, n, 0)], { alpha }), 3)];
};

// Before set 13 the softmax is over all axes from `axis` on
export const QLinearSoftmax: Rewrite = (b, n) => {
  const x = dequantisedInput(b, n, 0);
  const rank = b.shape(x).length;
  const old = intOf(n, 'opset', 13) < 13;
  const axis = axisWithin(n, intOf(n, 'axis', old ? 1 : -1), rank);
  if (!old || axis === rank - 1) return [quantised(b, n, b.op('Softmax', [x], { axis }), 3)];
  const flat = b.op('Softmax', [b.op('Flatten', [x], { axis })], { axis: 1 });
  return [quantised(b, n, b.reshapeLike(flat, x), 3)];
};

/** Applies `f`, which wants channels at axis 1, to a value that may have them last. */
function channelsFirst(b: GraphBuilder, n: Node, x: Value, f: (x: Value) => Value): Value {
  if (intOf(n, 'channels_last', 0) !== 1) return f(x);
  const { length } = shapeOfRank(b, n, x, 3, 5);
  const y = f(b.op('Transpose', [x], { perm: [0, length - 1, ...axesFrom(1, length - 1)] }));
  return b.op('Transpose', [y], { perm: [0, ...axesFrom(2, length), 1] });
}

export const QLinearAveragePool: Rewrite = (b, n) => {
  const x = dequantisedInput(b, n, 0);
  const y = channelsFirst(b, n, x, (v) => b.op('AveragePool', [v], kept(n, POOL)));
  return [quantised(b, n, y, 3)];
};
export const QLinearGlobalAveragePool: Rewrite = (b, n) => {
  const x = dequantisedInput(b, n, 0);
  const y = channelsFirst(b, n, x, (v) => b.op('GlobalAveragePool', [v]));
  return [quantised(b, n, y, 3)];
};

// inputs: the scale and zero point of y, then each part with its own
export const QLinearConcat: Rewrite = (b, n) => {
  if (n.inputs.length < 5 || n.inputs.length % 3 !== 2)
    throw malformed(n, `has ${n.inputs.length} inputs`, 'two, and three for each part');
  const parts = Array.from({ length: (n.inputs.length - 2) / 3 }, (_, i) =>
    dequantisedInput(b, n, 2 + 3 * i),
  );
  const axis = axisWithin(n, intOf(n, 'axis', 0), b.shape(parts[0]!).length);
  return [quantised(b, n, b.concat(parts, axis), 0)];
};
