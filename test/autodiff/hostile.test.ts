import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backward, zeroGradientNodes } from '../../src/autodiff/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { type Attribute, type Graph, GraphBuilder, type Node } from '../../src/graph/index.ts';
import { trialOf } from './differences.ts';
import { all } from './generators/index.ts';

/** Numbers that a file may hold where a small one is meant. */
const odd = fc.constantFrom(-(2 ** 53), -(2 ** 31), -7, -1, 0, 1, 2, 5, 99, 2 ** 20, 2 ** 31, 2 ** 53);

const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  odd.map((value) => ({ type: 'int', value }) as const),
  fc.array(odd, { maxLength: 7 }).map((value) => ({ type: 'ints', value }) as const),
  fc
    .constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 2 ** 120)
    .map((value) => ({ type: 'float', value }) as const),
  fc
    .constantFrom('', 'none', 'SAME_UPPER', 'cubic', '...ij->', 'a,b->', '💥')
    .map((value) => ({ type: 'string', value }) as const),
);

/** Names that some operator has an attribute of, so that a wrong one is read. */
const NAMES = [
  ...[
    'axis',
    'axes',
    'kernel_shape',
    'strides',
    'dilations',
    'pads',
    'output_padding',
    'output_shape',
    'group',
  ],
  ...[
    'auto_pad',
    'ceil_mode',
    'perm',
    'mode',
    'equation',
    'reduction',
    'batch_dims',
    'blocksize',
    'keepdims',
  ],
  ...[
    'num_outputs',
    'block_size',
    'epsilon',
    'alpha',
    'to',
    'nearest_mode',
    'coordinate_transformation_mode',
  ],
];

interface Damage {
  readonly at: number;
  readonly name: string;
  readonly value: Attribute;
  /** An input that is left out or taken from elsewhere; none where undefined. */
  readonly input: number | undefined;
  readonly missing: boolean;
}
const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(50),
  name: fc.constantFrom(...NAMES),
  value: attribute,
  input: fc.option(fc.nat(3), { nil: undefined }),
  missing: fc.boolean(),
});

function damaged(graph: Graph, d: Damage): Graph {
  const at = d.at % graph.nodes.length;
  const nodes = graph.nodes.map((node, i): Node => {
    if (i !== at) return node;
    const inputs = node.inputs.map((name, k) =>
      k !== d.input ? name : d.missing ? '' : graph.inputs[0]!.name,
    );
    return { ...node, inputs, attributes: new Map(node.attributes).set(d.name, d.value) };
  });
  return { ...graph, nodes };
}

/** No rule of any form may take longer, on a slow machine. */
const MOST_MS = 2000;
const CASES = 60;

describe('a damaged graph is differentiated, or refused with a reason, around', () => {
  it.each(all)('%s', (_name, generator) => {
    fc.assert(
      fc.property(generator, damage, fc.nat(1e6), (sample, d, seed) => {
        const trial = trialOf(sample, { seed, batch: 2, constant: seed % 2 === 0 });
        const started = performance.now();
        try {
          const b = GraphBuilder.from(damaged(trial.graph, d));
          zeroGradientNodes(b, { of: trial.of, wrt: trial.wrt });
          backward(b, { of: trial.of, wrt: trial.wrt });
        } catch (error) {
          if (!(error instanceof TouchstoneError)) throw error;
        }
        expect(performance.now() - started).toBeLessThan(MOST_MS);
      }),
      { numRuns: CASES, seed: 17 },
    );
  });
});
