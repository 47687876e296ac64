import {
  elu,
  hardSigmoid,
  leakyRelu,
  relu,
  sigmoid,
  softplus,
  softsign,
  thresholdedRelu,
} from './activation.ts';
import type { Call, Dense, Kernel } from './kernel.ts';
import { permuted } from './strides.ts';

type Activation = (x: number) => number;

/** Activations by lower-case name, with the parameters that they take (and those parameters' defaults). */
const ACTIVATIONS: Readonly<
  Record<string, { alpha?: number; beta?: number; f: (x: number, alpha: number, beta: number) => number }>
> = {
  affine: { alpha: 1, beta: 0, f: (x, alpha, beta) => alpha * x + beta },
  elu: { alpha: 1, f: elu },
  hardsigmoid: { alpha: 0.2, beta: 0.5, f: hardSigmoid },
  leakyrelu: { alpha: 0.01, f: leakyRelu },
  relu: { f: relu },
  scaledtanh: { alpha: 1, beta: 1, f: (x, alpha, beta) => alpha * Math.tanh(beta * x) },
  sigmoid: { f: sigmoid },
  softplus: { f: softplus },
  softsign: { f: softsign },
  tanh: { f: Math.tanh },
  thresholdedrelu: { alpha: 1, f: thresholdedRelu },
};

/** The activations of every direction; parameters are handed out in order, to those that take any. */
function activationsOf(c: Call, defaults: readonly string[], directions: number): Activation[] {
  const listed = c.node.attributes.get('activations');
  const names =
    listed?.type === 'strings' ? listed.value : Array.from({ length: directions }, () => defaults).flat();
  if (names.length !== directions * defaults.length)
    throw c.misfit(`has ${names.length} activations`, `${directions * defaults.length}`);
  const queue = (name: string): number[] => {
    const a = c.node.attributes.get(name);
    return a?.type === 'floats' ? [...a.value] : [];
  };
  const [alphas, betas] = [queue('activation_alpha'), queue('activation_beta')];
  const clip = c.float('clip', 0);
  const bounded = clip > 0 ? (x: number) => Math.min(Math.max(x, -clip), clip) : (x: number) => x;
  return names.map((name) => {
    const key = name.toLowerCase();
    const found = Object.hasOwn(ACTIVATIONS, key) ? ACTIVATIONS[key] : undefined;
    if (!found) throw c.unsupported(`has activation ${name}`, Object.keys(ACTIVATIONS).join(', '));
    const alpha = found.alpha === undefined ? 0 : (alphas.shift() ?? found.alpha);
    const beta = found.beta === undefined ? 0 : (betas.shift() ?? found.beta);
    return (x) => found.f(bounded(x), alpha, beta);
  });
}

/** One sequence in one direction: what a step reads, and the state that it changes in place. */
interface Cell {
  /** The hidden state, [hidden]. */
  readonly h: Float64Array;
  /** LSTM's cell state. */
  readonly cell: Float64Array;
  /** W·x + b_W per gate. */
  readonly input: Float64Array;
  /** R·h per gate, without its bias. */
  readonly recurrent: Float64Array;
  readonly recurrentBias: Float64Array;
  /** out = R's rows of one gate, times a vector. */
  product(gate: number, h: Float64Array, out: Float64Array): void;
  readonly peepholes: Float64Array;
  readonly f: readonly Activation[];
  /** Where the step puts the new hidden state. */
  readonly next: Float64Array;
}

type Step = (cell: Cell) => void;

/** An optional input, which must have the given shape; zeros where it is left out. */
function parameterOf(c: Call, i: number, shape: readonly number[]): Dense {
  const x = c.optional(i);
  if (!x) return c.make('float32', shape);
  if (x.shape.join() !== shape.join())
    throw c.misfit(`got shape [${x.shape.join(', ')}] as its input ${i}`, `[${shape.join(', ')}]`);
  return x;
}

const DIRECTIONS: Readonly<Record<string, readonly boolean[]>> = {
  forward: [false],
  reverse: [true],
  bidirectional: [false, true],
};

/** out += rows of a matrix, from `from` on, times x */
function addProduct(
  matrix: Float64Array,
  from: number,
  x: Float64Array,
  xAt: number,
  width: number,
  out: Float64Array,
): void {
  for (let j = 0; j < out.length; j++) {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += matrix[from + j * width + i]! * x[xAt + i]!;
    out[j]! += sum;
  }
}

/**
 * Runs a cell over sequences X [length, batch, input] (`layout` 1: [batch, length, input]).
 *
 * @returns Y [length, directions, batch, hidden], the last h [directions, batch, hidden] and the last cell state
 */
function recurrent(c: Call, gates: number, defaults: readonly string[], step: Step): Dense[] {
  const batchFirst = c.int('layout', 0) !== 0;
  const given = c.input(0, 3);
  const x = batchFirst ? permuted(c, given, [1, 0, 2]) : given;
  const [length, batch, width] = x.shape as [number, number, number];
  const direction = c.string('direction', 'forward');
  const reversed = Object.hasOwn(DIRECTIONS, direction) ? DIRECTIONS[direction]! : undefined;
  if (!reversed) throw c.unsupported(`has direction ${direction}`, Object.keys(DIRECTIONS).join(', '));
  const directions = reversed.length;
  const hidden = c.input(2, 3).shape[2]!;
  const rows = gates * hidden;
  const w = parameterOf(c, 1, [directions, rows, width]);
  const r = parameterOf(c, 2, [directions, rows, hidden]);
  const b = parameterOf(c, 3, [directions, 2 * rows]);
  const lengths = c.optional(4) ? parameterOf(c, 4, [batch]).data : new Float64Array(batch).fill(length);
  if (lengths.some((n) => !(n >= 0 && n <= length)))
    throw c.outside('has a sequence length', `0 to ${length}`);
  const initial = (i: number): Dense => {
    const state = parameterOf(c, i, batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]);
    return batchFirst ? permuted(c, state, [1, 0, 2]) : state;
  };
  const h0 = initial(5);
  const c0 = gates === 4 ? initial(6) : h0;
  const p = gates === 4 ? parameterOf(c, 7, [directions, 3 * hidden]) : c.make('float32', [directions, 0]);
  c.steps(length * batch * directions * rows * (width + hidden));
  const f = activationsOf(c, defaults, directions);

  const y = c.make(x.dtype, [length, directions, batch, hidden]);
  const lastH = c.make(x.dtype, [directions, batch, hidden]);
  const lastC = c.make(x.dtype, [directions, batch, hidden]);
  for (const [d, reverse] of reversed.entries())
    for (let n = 0; n < batch; n++) {
      const state = (d * batch + n) * hidden;
      const bias = b.data.subarray(d * 2 * rows, (d + 1) * 2 * rows);
      const cell: Cell = {
        h: h0.data.slice(state, state + hidden),
        cell: c0.data.slice(state, state + hidden),
        input: new Float64Array(rows),
        recurrent: new Float64Array(rows),
        recurrentBias: bias.subarray(rows),
        product: (gate, h, out) =>
          addProduct(r.data, (d * rows + gate * hidden) * hidden, h, 0, hidden, out.fill(0)),
        peepholes: p.data.subarray(d * 3 * hidden, (d + 1) * 3 * hidden),
        f: f.slice(d * defaults.length, (d + 1) * defaults.length),
        next: new Float64Array(hidden),
      };
      for (let t = 0; t < lengths[n]!; t++) {
        const at = reverse ? lengths[n]! - 1 - t : t;
        cell.input.set(bias.subarray(0, rows));
        addProduct(w.data, d * rows * width, x.data, (at * batch + n) * width, width, cell.input);
        addProduct(r.data, d * rows * hidden, cell.h, 0, hidden, cell.recurrent.fill(0));
        step(cell);
        cell.h.set(cell.next);
        y.data.set(cell.h, ((at * directions + d) * batch + n) * hidden);
      }
      lastH.data.set(cell.h, state);
      lastC.data.set(cell.cell, state);
    }
  if (!batchFirst) return [y, lastH, lastC];
  return [permuted(c, y, [2, 0, 1, 3]), permuted(c, lastH, [1, 0, 2]), permuted(c, lastC, [1, 0, 2])];
}

/** h′ = f(Wx + Rh + b) */
export const RNN: Kernel = (c) =>
  recurrent(c, 1, ['Tanh'], ({ input, recurrent, recurrentBias, f, next }) => {
    for (let j = 0; j < next.length; j++) next[j] = f[0]!(input[j]! + recurrent[j]! + recurrentBias[j]!);
  }).slice(0, 2);

/**
 * z and r gate; h̃ = g(W x + R(r∘h) + b), or with linear_before_reset g(W x + r∘(R h + b_R) + b_W);
 * h′ = (1 − z)∘h̃ + z∘h. Gates are in the order z, r, h.
 */
export const GRU: Kernel = (c) => {
  const linear = c.int('linear_before_reset', 0) !== 0;
  return recurrent(c, 3, ['Sigmoid', 'Tanh'], (s) => {
    const hidden = s.h.length;
    const gate = (k: number, j: number) =>
      s.f[0]!(s.input[k * hidden + j]! + s.recurrent[k * hidden + j]! + s.recurrentBias[k * hidden + j]!);
    const reset = s.h.map((h, j) => (linear ? gate(1, j) : gate(1, j) * h));
    const product = new Float64Array(hidden);
    if (!linear) s.product(2, reset, product);
    for (let j = 0; j < hidden; j++) {
      const i = 2 * hidden + j;
      const inner = linear
        ? reset[j]! * (s.recurrent[i]! + s.recurrentBias[i]!)
        : product[j]! + s.recurrentBias[i]!;
      const z = gate(0, j);
      s.next[j] = (1 - z) * s.f[1]!(s.input[i]! + inner) + z * s.h[j]!;
    }
  }).slice(0, 2);
};

/**
 * i, o, f gate (in that order, then the candidate): c′ = f∘c + i∘g(…), h′ = o∘h(c′). Peepholes look at c, that of o at
 * c′; with input_forget, f = 1 − i.
 */
export const LSTM: Kernel = (c) => {
  const coupled = c.int('input_forget', 0) !== 0;
  return recurrent(c, 4, ['Sigmoid', 'Tanh', 'Tanh'], (s) => {
    const hidden = s.h.length;
    const sum = (k: number, j: number) =>
      s.input[k * hidden + j]! + s.recurrent[k * hidden + j]! + s.recurrentBias[k * hidden + j]!;
    const [gate, candidate, output] = s.f as [Activation, Activation, Activation];
    for (let j = 0; j < hidden; j++) {
      const so = s.cell[j]!;
      const i = gate(sum(0, j) + s.peepholes[j]! * so);
      const forget = coupled ? 1 - i : gate(sum(2, j) + s.peepholes[2 * hidden + j]! * so);
      const cell = forget * so + i * candidate(sum(3, j));
      s.cell[j] = cell;
      s.next[j] = gate(sum(1, j) + s.peepholes[hidden + j]! * cell) * output(cell);
    }
  });
};
