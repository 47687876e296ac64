import { afterAll, describe, expect, it } from 'vitest';
import { brokenDefences } from '../../models/broken/index.ts';
import { Net } from '../../models/net.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import {
  adaptivePlan,
  describe as cardOf,
  engineClassifier,
  ensembles,
  type Finding,
  inspect,
  type Norm,
  type Verdict,
} from '../../src/eval/index.ts';
import { type Graph, GraphBuilder, toModel } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { card } from './fakes.ts';

const finding = (id: string, verdict: Verdict, figures: Finding['figures'] = {}) => ({
  id,
  verdict,
  figures,
  message: '',
});
const plan = (
  over: Parameters<typeof card>[0],
  findings: ReturnType<typeof finding>[] = [],
  norm: Norm = 'linf',
) => adaptivePlan({ card: card({ classes: 10, ...over }), norm, findings });
const names = ({ attacks }: ReturnType<typeof plan>) => attacks.map((a) => a.attack);

/** A small network as it would be read from a file. */
function small(classes = 10): Graph {
  const net = new Net(key(5));
  return net.logits(net.linear(net.flatten(net.input([1, 4, 4])), 'fc', classes), 'small');
}
const read = (graph: Graph) => cardOf(toModel(graph));

describe('adaptivePlan', () => {
  it('is AutoAttack’s standard for a model without risks', () => {
    const found = adaptivePlan({ card: read(small()), norm: 'linf' });
    expect(found.attacks).toEqual(ensembles.standard('linf'));
    expect(found.eot).toBe(1);
    expect(found.why).toEqual([expect.stringContaining('standard')]);
  });

  it.each(['l2', 'l1'] as const)('has its %s form', (norm) => {
    expect(plan({}, [], norm).attacks).toEqual(ensembles.standard(norm));
  });

  it.each(['noisy'] as const)('averages over the randomness of %s', (name) => {
    const found = adaptivePlan({ card: read(brokenDefences[name]!.build(small())), norm: 'linf' });
    expect(found.eot).toBe(20);
    expect(names(found)).toEqual(['apgd-ce', 'apgd-dlr', 'square']);
    expect(found.why.join(' ')).toMatch(/RandomNormalLike.*EoT/);
  });

  it('averages over randomness that shows only in the scores', () => {
    const random = finding('stable-predictions', 'fail', { betweenRuns: 0, largestChange: 0.1 });
    expect(plan({}, [random]).eot).toBe(20);
    // Of one that sees its batch the same check fails, but nothing is random.
    const batch = finding('stable-predictions', 'fail', {
      betweenRuns: 0,
      atBatchSizeOne: 9,
      largestChange: 0,
    });
    expect(plan({}, [batch]).eot).toBe(1);
  });

  it.each(['hard-labels', 'dropout'])('uses what needs no gradient where none goes through: %s', (name) => {
    const found = adaptivePlan({ card: read(brokenDefences[name]!.build(small())), norm: 'linf' });
    expect(names(found)).toEqual(['noise', 'square']);
    expect(found.why.at(-1)).toMatch(/only attacks that see the output alone/);
  });

  it('does so by what the check has seen, too', () => {
    expect(names(plan({}, [finding('zero-gradients', 'fail', { samples: 64 })]))).toEqual([
      'noise',
      'square',
    ]);
    const all = finding('zero-gradients', 'fail', { samples: 64, zeroMargin: 64 });
    expect(names(plan({}, [all]))).toEqual(['noise', 'square']);
    const some = finding('zero-gradients', 'fail', { samples: 64, zeroMargin: 5 });
    expect(plan({}, [some]).attacks).toEqual(ensembles.standard('linf'));
  });

  it('goes behind a softmax, and says so', () => {
    const b = new GraphBuilder();
    const logits = b.inline(small()).get('logits')!;
    b.output(b.op('Softmax', [logits], { axis: -1 }), 'probabilities');
    const found = adaptivePlan({ card: read(b.build()), norm: 'linf' });
    expect(found.why[0]).toMatch(/probabilities: attacks take the logits behind it/);
    expect(found.attacks).toEqual(ensembles.standard('linf'));
  });

  it('names the quantiser that gradients are passed straight through', () => {
    const found = adaptivePlan({ card: read(brokenDefences.quantised!.build(small())), norm: 'linf' });
    expect(found.why[0]).toMatch(/straight through Round.*BPDA/);
    expect(names(found)).toContain('square');
  });

  it('takes margins where there are too few classes for DLR', () => {
    const random = [finding('stable-predictions', 'fail', { largestChange: 1 })];
    expect(names(plan({ classes: 2 }, random))).toEqual(['apgd-ce', 'pgd-margin', 'square']);
    expect(names(plan({ classes: 3 }, random))).toEqual(['apgd-ce', 'apgd-dlr', 'square']);
    for (const classes of [2, 3]) expect(plan({ classes }).why.join(' ')).toContain(`${classes} classes`);
    expect(plan({ classes: 4 }).why.join(' ')).not.toContain('classes');
  });

  it('leaves the cross-entropy out where it is saturated', () => {
    expect(names(plan({}, [finding('saturated-softmax', 'fail')]))).toEqual(['apgd-t', 'fab-t', 'square']);
  });

  it('attacks harder where masking shows', () => {
    const found = plan({}, [finding('black-box-finds-more', 'fail')]);
    expect(found.attacks).toEqual(ensembles.plus());
    expect(found.why.join(' ')).toContain('black-box-finds-more failed');
  });

  it('has no answer to a model that sees its batch, and says so', () => {
    expect(plan({}, [finding('batch-composition', 'fail')]).why.at(-1)).toMatch(/no attack answers that/);
  });
});

describe('BPDA', () => {
  const engine = onnxruntimeEngine({ threads: 1 });
  afterAll(() => engine.close());

  it('is what the gradient rules do: through Round, the gradient is the inner network’s at the rounded image', async () => {
    const graphs = [small(), brokenDefences.quantised!.build(small())];
    const [inner, rounded] = graphs.map((g) => {
      const { graph, card: c } = inspect(toModel(g));
      return engineClassifier(engine, graph, { classes: c.classes });
    });
    const shape = [5, 1, 4, 4];
    const x = uniform(key(1), 80, 0, 1);
    const y = Int32Array.of(0, 1, 2, 3, 4);
    // Round goes to even at a half; none of these is one.
    const at = x.map((v) => Math.round(v * 7) / 7);
    const { gradient } = await rounded!.gradient('ce', { data: x, shape }, y);
    const expected = (await inner!.gradient('ce', { data: at, shape }, y)).gradient;
    expect(expected.some((v) => Math.abs(v) > 0.01)).toBe(true);
    for (const [i, v] of gradient.entries()) expect(v).toBeCloseTo(expected[i]!, 5);
  });
});
