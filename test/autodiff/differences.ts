import { backward, type Emitter } from '../../src/autodiff/index.ts';
import { type Graph, GraphBuilder, type Value } from '../../src/graph/index.ts';
import { type Dense, denseOf, evaluate } from '../../src/graph/reference/index.ts';
import { type Key, key } from '../../src/random/index.ts';
import { any, type Spec, valuesOf } from './check.ts';
import type { Sample } from './generators/sample.ts';

/** Values of a graph, in float64. */
export type Feeds = ReadonlyMap<string, Dense>;

/** A sample as a graph: Σ of its output `weighted` by random numbers is what is differentiated. */
export interface Trial {
  readonly graph: Graph;
  readonly of: Value;
  /** The same for the function whose differences are taken. */
  readonly truth: Graph;
  readonly feeds: Feeds;
  /** The inputs that are differentiated by. */
  readonly wrt: readonly Value[];
}

export interface TrialOptions {
  readonly seed: number;
  readonly batch: number;
  /** Whether the weights are initializers instead of inputs. */
  readonly constant: boolean;
}

/** Builds a sample, and draws what it is fed with. */
export function trialOf(sample: Sample, { seed, batch, constant }: TrialOptions): Trial {
  const root = key(seed).fold('sample');
  const specs: Readonly<Record<string, Spec>> = { ...sample.inputs, ...sample.weights };
  const fixed = new Set(constant ? Object.keys(sample.weights ?? {}) : []);
  const build = (y: Sample['y']) => {
    const b = new GraphBuilder();
    for (const [name, spec] of Object.entries(specs)) {
      if (fixed.has(name)) b.initializer(name, valuesOf(spec, batch, root.fold(name)));
      else b.input(name, spec.kind === 'labels' ? 'int64' : 'float32', spec.shape);
    }
    const value = y(b);
    const weighted = b.op('Mul', [value, b.input('r', 'float32', b.shape(value))], {}, 'weighted');
    b.output(weighted, 'loss');
    b.output(value, 'y');
    return b.build();
  };
  const graph = build(sample.y);
  const feeds = new Map<string, Dense>();
  for (const [name, spec] of Object.entries(specs))
    if (!fixed.has(name)) feeds.set(name, denseOf(valuesOf(spec, batch, root.fold(name))));
  // The weights of the sum need the output's size, which a first run tells.
  const y = evaluate({ ...graph, outputs: graph.outputs.slice(1), nodes: withoutLoss(graph) }, feeds).get(
    'y',
  )!;
  feeds.set('r', denseOf(valuesOf(any(...y.shape), batch, root.fold('r'))));
  return {
    graph,
    of: 'loss',
    truth: sample.truth ? build(sample.truth) : graph,
    feeds,
    wrt: Object.keys(specs).filter((name) => !fixed.has(name) && !specs[name]!.frozen),
  };
}

const withoutLoss = (graph: Graph) =>
  graph.nodes.filter((n) => !n.outputs.includes('weighted') && !n.outputs.includes('loss'));

/** A graph whose outputs are the gradients of Σ `of`, named `d_…`. */
export function gradientGraph(graph: Graph, of: Value, wrt: readonly Value[], emitter: Emitter): Graph {
  const b = GraphBuilder.from(graph);
  const gradients = backward(b, { of, wrt, emitter });
  for (const [i, value] of gradients.entries()) b.output(value, `d_${wrt[i]}`);
  return b.build();
}

/** A random direction for each of `names`. */
export function directions(feeds: Feeds, names: readonly Value[], k: Key): Map<Value, Dense> {
  return new Map(
    names.map((name) => {
      const { shape } = feeds.get(name)!;
      return [name, denseOf(valuesOf(any(...shape), 1, k.fold(name)))];
    }),
  );
}

export function moved(feeds: Feeds, along: Feeds, by: number): Feeds {
  const next = new Map(feeds);
  for (const [name, direction] of along) {
    const value = feeds.get(name)!;
    next.set(name, { ...value, data: value.data.map((v, i) => v + by * direction.data[i]!) });
  }
  return next;
}

export const dot = (a: Dense, b: Dense): number => a.data.reduce((sum, v, i) => sum + v * b.data[i]!, 0);
export const total = (v: Dense): number => v.data.reduce((a, c) => a + c, 0);
/** Σ |aᵢbᵢ|: what a sum of products could be, were they all of one sign. */
export const size = (a: Dense, b: Dense): number =>
  a.data.reduce((sum, v, i) => sum + Math.abs(v * b.data[i]!), 0);
