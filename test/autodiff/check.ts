import { expect } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import {
  asInputs,
  float32,
  type Graph,
  GraphBuilder,
  int64,
  type Tensor,
  type Value,
} from '../../src/graph/index.ts';
import { type LabelLoss, losses } from '../../src/losses/index.ts';
import { integers, type Key, key, permutation, uniform } from '../../src/random/index.ts';

/** What values an input is tested with, and whether it is differentiated by. */
export interface Spec {
  readonly shape: readonly (number | 'N')[];
  readonly kind: 'any' | 'apart' | 'positive' | 'between' | 'among' | 'labels';
  readonly frozen?: boolean;
  /** Labels are in [from, below). */
  readonly from?: number;
  readonly below?: number;
  /** The ends of an interval, or the values to choose from. */
  readonly values?: readonly number[];
  /** Added to what is `apart`, so that two such inputs never meet. */
  readonly shift?: number;
}

type Shape = readonly (number | 'N')[];
/** Uniform in [−1, 1]. */
export const any = (...shape: Shape): Spec => ({ shape, kind: 'any' });
/** Odd multiples of 0.05, all different: no two within reach of each other, none within reach of 0. */
export const apart = (...shape: Shape): Spec => ({ shape, kind: 'apart' });
/** Uniform in [0.5, 1.5]. */
export const positive = (...shape: Shape): Spec => ({ shape, kind: 'positive' });
/** Uniform in [low, high]. */
export const between = (low: number, high: number, ...shape: Shape): Spec => ({
  shape,
  kind: 'between',
  values: [low, high],
});
/** Drawn from a few values. */
export const among = (values: readonly number[], ...shape: Shape): Spec => ({ shape, kind: 'among', values });
/** Class indices, or any others below a size. */
export const labels = (below: number, ...shape: Shape): Spec => ({
  shape,
  kind: 'labels',
  frozen: true,
  below,
});
/** The same, but not differentiated by. */
export const frozen = (spec: Spec): Spec => ({ ...spec, frozen: true });

/** A loss of logits and labels. */
export const lossOf = (b: GraphBuilder, name: LabelLoss, logits: Value, y: Value): Value =>
  losses[name].build(b, logits, { y, target: y, q: logits }, {});

/** One function of a few values, whose gradient is checked. */
export interface Case {
  readonly name: string;
  /** Graph inputs. `'N'` is a dynamic batch. */
  readonly inputs: Readonly<Record<string, Spec>>;
  /** Values that are tested both as constants and as inputs. */
  readonly weights?: Readonly<Record<string, Spec>>;
  readonly y: (b: GraphBuilder) => Value;
  /** The function whose differences are taken, where that is not `y`: a straight-through estimator's. */
  readonly truth?: (b: GraphBuilder) => Value;
}

/**
 * Central differences are taken with this step: truncation is below ε²/6 = 4e-6 of the third derivative (at most 96,
 * of 1/x at ½), and rounding of float32 outputs, 6e-8·|y|/ε, is about 1e-5·|y|.
 */
const EPSILON = 0.005;
/** Against the size that a derivative along a random direction typically has: the above, with a margin of two. */
const TOLERANCE = 1e-3;
const DIRECTIONS = 3;
const OPTIONS = { device: 'cpu', threads: 1 } as const;

export function valuesOf(spec: Spec, batch: number, k: Key): Tensor {
  const shape = spec.shape.map((d) => (d === 'N' ? batch : d));
  const size = shape.reduce((a, b) => a * b, 1);
  const from = spec.from ?? 0;
  if (spec.kind === 'labels')
    return int64(
      [...integers(k, size, spec.below! - from)].map((i) => i + from),
      shape,
    );
  if (spec.kind === 'between') return float32(uniform(k, size, spec.values![0]!, spec.values![1]!), shape);
  if (spec.kind === 'among')
    return float32(
      Float32Array.from(integers(k, size, spec.values!.length), (i) => spec.values![i]!),
      shape,
    );
  if (spec.kind === 'positive') return float32(uniform(k, size, 0.5, 1.5), shape);
  if (spec.kind === 'any') return float32(uniform(k, size, -1, 1), shape);
  const middle = Math.floor(size / 2) - 0.5;
  return float32(
    Float32Array.from(permutation(k, size), (i) => (i - middle) * 0.1 + (spec.shift ?? 0)),
    shape,
  );
}

/** The graph of a case: its output, and that times `r`, whose sum is differentiated. Weights are initializers. */
export function graphOf(c: Case): { graph: Graph; y: Value; of: Value } {
  const b = new GraphBuilder();
  for (const [name, spec] of Object.entries(c.inputs))
    b.input(name, spec.kind === 'labels' ? 'int64' : 'float32', spec.shape);
  const root = key(1).fold(c.name);
  for (const [name, spec] of Object.entries(c.weights ?? {}))
    b.initializer(name, valuesOf(spec, 1, root.fold(name)));
  const y = c.y(b);
  const r = b.input('r', 'float32', b.shape(y));
  const of = b.op('Mul', [y, r], {}, 'weighted');
  b.output(y);
  b.output(of);
  return { graph: b.build(), y, of };
}

const dot = (a: Tensor, b: Tensor): number =>
  (a.data as Float32Array).reduce((sum, v, i) => sum + v * (b.data as Float32Array)[i]!, 0);

const moved = (t: Tensor, direction: Tensor, by: number): Tensor =>
  float32(
    Float32Array.from(t.data as Float32Array, (v, i) => v + by * (direction.data as Float32Array)[i]!),
    t.shape,
  );

/** Checks every gradient of a case by central differences of what onnxruntime computes. */
export async function checkGradient(c: Case): Promise<void> {
  const { graph, y, of } = graphOf(c);
  const specs = { ...c.inputs, ...c.weights };
  const weights = Object.keys(c.weights ?? {});
  const root = key(1).fold(c.name);
  const differentiated = (names: readonly string[]) => names.filter((n) => !specs[n]!.frozen);

  const truth = c.truth ? graphOf({ ...c, y: c.truth }) : { graph, y, of };
  const alone = {
    ...truth.graph,
    inputs: truth.graph.inputs.filter((i) => i.name !== 'r'),
    outputs: truth.graph.outputs.filter((o) => o.name === truth.y),
    nodes: truth.graph.nodes.filter((n) => !n.outputs.includes(truth.of)),
  };
  const forward = await Session.create(asInputs(alone, weights), OPTIONS);
  const variants = [];
  for (const emitter of ['cpu', 'cuda'] as const) {
    for (const constant of weights.length > 0 ? [true, false] : [true]) {
      const wrt = differentiated([...Object.keys(c.inputs), ...(constant ? [] : weights)]);
      const source = constant ? graph : asInputs(graph, weights);
      const names = wrt.map((n) => `d_${n}`);
      const session = await Session.create(gradient(source, { of, wrt, emitter }, names), OPTIONS);
      variants.push({
        label: `${emitter}, weights ${constant ? 'constant' : 'fed'}`,
        session,
        wrt,
        names,
        constant,
      });
    }
  }

  const dynamic = Object.values(c.inputs).some((s) => s.shape.includes('N'));
  for (const batch of dynamic ? [1, 3] : [1]) {
    const feeds: Record<string, Tensor> = {};
    for (const [name, spec] of Object.entries(c.inputs))
      feeds[name] = valuesOf(spec, batch, root.fold(name, batch));
    for (const name of weights) feeds[name] = graph.initializers.get(name)!;
    const outputShape = (await forward.run(feeds))[truth.y]!.shape;
    const r = valuesOf({ shape: outputShape, kind: 'any' }, batch, root.fold('r', batch));

    // Derivatives along a few directions for each value.
    const slopes = new Map<string, { direction: Tensor; slope: number }[]>();
    for (const name of differentiated(Object.keys(specs))) {
      const found = [];
      for (let i = 0; i < DIRECTIONS; i++) {
        const direction = valuesOf({ ...specs[name]!, kind: 'any' }, batch, root.fold(name, batch, i));
        const at = async (by: number) =>
          dot((await forward.run({ ...feeds, [name]: moved(feeds[name]!, direction, by) }))[truth.y]!, r);
        found.push({ direction, slope: ((await at(EPSILON)) - (await at(-EPSILON))) / (2 * EPSILON) });
      }
      slopes.set(name, found);
    }

    for (const { label, session, wrt, names, constant } of variants) {
      const fed = constant
        ? Object.fromEntries(Object.entries(feeds).filter(([n]) => !weights.includes(n)))
        : feeds;
      const outputs = await session.run({ ...fed, r }, names);
      for (const name of wrt) {
        const g = outputs[`d_${name}`]!;
        expect(g.shape, `shape of d_${name} (${label}, batch ${batch})`).toEqual(feeds[name]!.shape);
        for (const { direction, slope } of slopes.get(name)!) {
          const typical = Math.sqrt((dot(g, g) * dot(direction, direction)) / g.data.length);
          expect(
            Math.abs(dot(g, direction) - slope),
            `d_${name} (${label}, batch ${batch}): ${dot(g, direction)} against ${slope}`,
          ).toBeLessThanOrEqual(TOLERANCE * typical + 1e-5);
        }
      }
    }
  }
  for (const session of [forward, ...variants.map((v) => v.session)]) await session.close();
}
