import { intOf, stringOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import { type Activation, activationsOf, checkRecurrent } from './gates.ts';
import {
  axesFrom,
  fixedDim,
  floatInput,
  malformed,
  matrixTranspose,
  shapeOfRank,
  splitInto,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** The longest sequence that is unrolled: a step is some ten nodes. */
const MOST_STEPS = 1024;
/** A graph that is larger than this is not unrolled further: a small file may hold a thousand such layers. */
const MOST_NODES = 100_000;

/** One direction of a recurrent layer with its weights, transposed, ready to be multiplied by. */
interface Direction {
  readonly hidden: number;
  /** [I, G·H] and [H, G·H]. */
  readonly w: Value;
  readonly r: Value;
  /** [G·H] each; undefined without biases. */
  readonly wb: Value | undefined;
  readonly rb: Value | undefined;
  /** [3·H], an LSTM's peepholes. */
  readonly peepholes: Value | undefined;
  readonly activations: readonly Activation[];
}

/** State between steps: h and, for an LSTM, c, as [1, N, H]; undefined is zero. */
interface State {
  readonly h: Value | undefined;
  readonly c?: Value | undefined;
}

/** One direction at work: what is computed of all inputs at once, [S, N, ·], and one step, of those values' parts. */
interface Running {
  readonly inputs: readonly Value[];
  readonly step: (inputs: readonly Value[], state: State) => State;
}

interface Cell {
  readonly gates: number;
  readonly defaults: readonly string[];
  readonly start: (b: GraphBuilder, x: Value, d: Direction) => Running;
}

const sum = (b: GraphBuilder, x: Value, y: Value | undefined): Value =>
  y === undefined ? x : b.op('Add', [x, y]);
const times = (b: GraphBuilder, x: Value | undefined, y: Value | undefined): Value | undefined =>
  x === undefined || y === undefined ? undefined : b.op('Mul', [x, y]);

/** x·W + b */
const projected = (b: GraphBuilder, x: Value, weight: Value, ...biases: (Value | undefined)[]): Value =>
  biases.reduce<Value>((y, bias) => sum(b, y, bias), b.op('MatMul', [x, weight]));

/** Columns [from, to) of a matrix, or elements of a vector. */
const part = (b: GraphBuilder, v: Value, from: number, to: number): Value =>
  b.slice(v, [{ axis: b.shape(v).length - 1, start: from, end: to }]);

const partOf = (b: GraphBuilder, v: Value | undefined, from: number, to: number): Value | undefined =>
  v === undefined ? undefined : part(b, v, from, to);

/** h·R, where h is not zero. */
const recurrence = (b: GraphBuilder, h: Value | undefined, r: Value): Value | undefined =>
  h === undefined ? undefined : b.op('MatMul', [h, r]);

// hₜ = f(xₜ·W + hₜ₋₁·R + b)
const simple: Cell = {
  gates: 1,
  defaults: ['Tanh'],
  start: (b, x, d) => ({
    inputs: [projected(b, x, d.w, d.wb, d.rb)],
    step: ([xt], { h }) => ({ h: d.activations[0]!(b, sum(b, xt!, recurrence(b, h, d.r))) }),
  }),
};

// i, o, f = f(x·W + h·R + P⊙c + b); c̃ = g(…); c′ = f⊙c + i⊙c̃; h′ = o⊙k(c′), gates in the order i, o, f, c
const lstm = (coupled: boolean): Cell => ({
  gates: 4,
  defaults: ['Sigmoid', 'Tanh', 'Tanh'],
  start: (b, x, d) => {
    const [f, g, k] = d.activations as [Activation, Activation, Activation];
    const H = d.hidden;
    const peepholes = [0, 1, 2].map((gate) => partOf(b, d.peepholes, gate * H, (gate + 1) * H));
    const looked = (v: Value, gate: number, cell: Value | undefined) =>
      f(b, sum(b, v, times(b, cell, peepholes[gate])));
    return {
      inputs: [projected(b, x, d.w, d.wb, d.rb)],
      step: ([xt], { h, c }) => {
        const all = sum(b, xt!, recurrence(b, h, d.r));
        const peeping = d.peepholes !== undefined;
        const [gates, candidate] = splitInto(b, all, 2, [3 * H, H]) as [Value, Value];
        let [input, output, forget] = splitInto(b, peeping ? gates : f(b, gates), 2, [H, H, H]) as [
          Value,
          Value,
          Value,
        ];
        if (peeping) [input, forget] = [looked(input, 0, c), looked(forget, 2, c)];
        if (coupled) forget = b.op('Sub', [b.scalar(1), input]);
        const next = sum(b, b.op('Mul', [input, g(b, candidate)]), times(b, c, forget));
        if (peeping) output = looked(output, 1, next);
        return { h: b.op('Mul', [output, k(b, next)]), c: next };
      },
    };
  },
});

// z, r = f(x·W + h·R + b); h̃ = g(x·W + (r⊙h)·R + b), or g(x·W + b_W + r⊙(h·R + b_R)); h′ = h̃ + z⊙(h − h̃)
const gru = (linearBeforeReset: boolean): Cell => ({
  gates: 3,
  defaults: ['Sigmoid', 'Tanh'],
  start: (b, x, d) => {
    const [f, g] = d.activations as [Activation, Activation];
    const H = d.hidden;
    const [rGates, rCandidate] = [part(b, d.r, 0, 2 * H), part(b, d.r, 2 * H, 3 * H)];
    const own = partOf(b, d.rb, 2 * H, 3 * H);
    const biases = [partOf(b, d.wb, 0, 2 * H), partOf(b, d.rb, 0, 2 * H)];
    const outside = [partOf(b, d.wb, 2 * H, 3 * H), linearBeforeReset ? undefined : own];
    return {
      inputs: [
        projected(b, x, part(b, d.w, 0, 2 * H), ...biases),
        projected(b, x, part(b, d.w, 2 * H, 3 * H), ...outside),
      ],
      step: ([gates, candidate], { h }) => {
        const activated = f(b, sum(b, gates!, recurrence(b, h, rGates)));
        const [z, r] = splitInto(b, activated, 2, [H, H]) as [Value, Value];
        const linear = linearBeforeReset ? recurrence(b, h, rCandidate) : undefined;
        const reset = linearBeforeReset
          ? times(b, linear === undefined ? own : sum(b, linear, own), r)
          : recurrence(b, times(b, h, r), rCandidate);
        const fresh = g(b, sum(b, candidate!, reset));
        const difference = h === undefined ? b.op('Neg', [fresh]) : b.op('Sub', [h, fresh]);
        return { h: b.op('Add', [fresh, b.op('Mul', [z, difference])]) };
      },
    };
  },
});

/** Rows `d` of a value of one row per direction, without that axis. */
function ofDirection(b: GraphBuilder, v: Value, d: number): Value {
  const shape = b.shape(v);
  const row = shape[0] === 1 ? v : b.slice(v, [{ axis: 0, start: d, end: d + 1 }]);
  return b.reshape(
    row,
    shape.slice(1).map((size) => size as number),
  );
}

/** Unrolls a recurrent node over its sequence, which has a fixed length. */
function unrolled(b: GraphBuilder, n: Node, cell: Cell): Value[] {
  checkRecurrent(n);
  const batchFirst = intOf(n, 'layout', 0) === 1;
  const swapped = (v: Value): Value => (batchFirst ? b.op('Transpose', [v], { perm: [1, 0, 2] }) : v);
  const given = floatInput(b, n);
  shapeOfRank(b, n, given, 3);
  const x = swapped(given);
  const [length, , features] = b.shape(x);
  const steps = fixedDim(n, length, 'its sequence length');
  if (steps > MOST_STEPS) throw unsupported(n, `a sequence of ${steps} steps`, `at most ${MOST_STEPS}`);
  if (b.nodes.length > MOST_NODES)
    throw unsupported(n, `a graph of ${b.nodes.length} nodes so far`, `at most ${MOST_NODES}`);
  checkLengths(b, n, steps);

  const direction = stringOf(n, 'direction', 'forward');
  if (!['forward', 'reverse', 'bidirectional'].includes(direction))
    throw malformed(n, `has direction "${direction}"`, 'forward, reverse or bidirectional');
  const directions = direction === 'bidirectional' ? 2 : 1;
  const hidden = fixedDim(n, b.shape(floatInput(b, n, 2)).at(-1), 'its hidden size');
  const G = cell.gates * hidden;
  const checked = (i: number, shape: readonly number[]): Value | undefined => {
    if (!n.inputs[i]) return undefined;
    const v = floatInput(b, n, i);
    if (b.shape(v).join() !== shape.join())
      throw malformed(n, `has input ${i} of shape [${b.shape(v)}]`, `[${shape}]`);
    return v;
  };
  const w = checked(1, [directions, G, fixedDim(n, features, 'its input size')]);
  const r = checked(2, [directions, G, hidden]);
  if (w === undefined || r === undefined) throw malformed(n, 'lacks its weights', 'W and R');
  const biases = checked(3, [directions, 2 * G]);
  const peepholes = cell.gates === 4 ? checked(7, [directions, 3 * hidden]) : undefined;
  const states = [5, 6].map((i) => {
    if (!n.inputs[i] || (i === 6 && cell.gates !== 4)) return undefined;
    shapeOfRank(b, n, floatInput(b, n, i), 3);
    return splitInto(b, swapped(n.inputs[i]), 0, new Array<number>(directions).fill(1));
  });
  const activations = activationsOf(n, directions, cell.defaults);

  const sequences: Value[][] = [];
  const last: State[] = [];
  for (let d = 0; d < directions; d++) {
    const bias = biases === undefined ? undefined : ofDirection(b, biases, d);
    const own: Direction = {
      hidden,
      w: matrixTranspose(b, n, ofDirection(b, w, d)),
      r: matrixTranspose(b, n, ofDirection(b, r, d)),
      wb: bias === undefined ? undefined : part(b, bias, 0, G),
      rb: bias === undefined ? undefined : part(b, bias, G, 2 * G),
      peepholes: peepholes === undefined ? undefined : ofDirection(b, peepholes, d),
      activations: activations[d]!,
    };
    const ones = new Array<number>(steps).fill(1);
    const running = cell.start(b, x, own);
    const parts = running.inputs.map((v) => splitInto(b, v, 0, ones));
    const order = axesFrom(0, steps);
    if (direction === 'reverse' || d === 1) order.reverse();
    let state: State = { h: states[0]?.[d], c: states[1]?.[d] };
    const outputs: Value[] = [];
    for (const t of order) {
      const now = parts.map((p) => p[t]!);
      state = running.step(now, state);
      outputs[t] = state.h!;
    }
    sequences.push(outputs);
    last.push(state);
  }
  return assembled(b, n, sequences, last, batchFirst);
}

/** Y [S, D, N, H], the last h and the last c, each [D, N, H]; with the batch in front where the layout says so. */
function assembled(
  b: GraphBuilder,
  n: Node,
  sequences: readonly (readonly Value[])[],
  last: readonly State[],
  batchFirst: boolean,
): Value[] {
  const wants = (i: number) => !!n.outputs[i];
  const outputs = ['', '', ''];
  if (wants(0)) {
    const each = sequences.map((steps) => b.op('Unsqueeze', [b.concat(steps, 0), b.ints([1])]));
    const y = b.concat(each, 1);
    outputs[0] = batchFirst ? b.op('Transpose', [y], { perm: [2, 0, 1, 3] }) : y;
  }
  for (const [i, key] of [
    [1, 'h'],
    [2, 'c'],
  ] as const) {
    if (!wants(i) || last.some((s) => s[key] === undefined)) continue;
    const state = b.concat(
      last.map((s) => s[key]!),
      0,
    );
    outputs[i] = batchFirst ? b.op('Transpose', [state], { perm: [1, 0, 2] }) : state;
  }
  return outputs;
}

/** Refuses sequences that end early, as every sample would have a graph of its own. */
function checkLengths(b: GraphBuilder, n: Node, steps: number): void {
  if (!n.inputs[4]) return;
  const lengths = b.constantValue(n.inputs[4]);
  if (lengths && Array.from(lengths.data as ArrayLike<number | bigint>, Number).every((l) => l === steps))
    return;
  throw unsupported(
    n,
    'sequence_lens other than the whole sequence',
    'sequences of one length',
    'export the model without packed or padded sequences',
  );
}

export const RNN: Rewrite = (b, n) => unrolled(b, n, simple);
export const GRU: Rewrite = (b, n) => unrolled(b, n, gru(intOf(n, 'linear_before_reset', 0) === 1));
export const LSTM: Rewrite = (b, n) => unrolled(b, n, lstm(intOf(n, 'input_forget', 0) === 1));
