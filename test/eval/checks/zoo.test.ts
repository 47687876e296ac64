/** Every broken defence is found by the check that is meant for it, and no honest model by any: `bench masking`, on fewer images. */
import { afterAll, describe, expect, it } from 'vitest';
import { maskingAudit } from '../../../benchmarks/masking/audit.ts';
import { subjects } from '../../../benchmarks/masking/models.ts';
import { asExpected } from '../../../benchmarks/masking/record.ts';
import { brokenDefences } from '../../../models/broken/index.ts';
import { onnxruntimeEngine } from '../../../src/engine/onnxruntime/index.ts';
import { checks } from '../../../src/eval/index.ts';

const IMAGES = 100;
const ATTACKS = { noise: {}, fgsm: {}, pgd: {}, 'pgd-margin': {}, square: { queries: 1500 } } as const;
const engine = onnxruntimeEngine();
afterAll(() => engine.close());

const all = await subjects(engine, IMAGES);

describe('the zoo', () => {
  it('has honest models, and a check for each of the others', () => {
    expect(all.filter((s) => s.check === undefined).map((s) => s.name)).toEqual([
      'mnist-natural',
      'mnist-pgd',
      'patterns',
    ]);
    expect(all.map((s) => s.name)).toEqual(expect.arrayContaining(Object.keys(brokenDefences)));
    for (const { check } of all) if (check) expect(checks).toHaveProperty(check);
  });

  it.each(all)('$name: $check', { timeout: 300_000 }, async ({ check, threat, graph, pictures }) => {
    const { findings, judgement, figures } = await maskingAudit(graph, {
      engine,
      ...pictures,
      threat,
      attacks: ATTACKS,
    });
    const failed = findings.filter((f) => f.verdict === 'fail').map((f) => `${f.id}: ${f.message}`);
    expect(asExpected(check, findings), failed.join('\n')).toBe(true);
    if (check === undefined) {
      expect(judgement.belief).not.toBe('not believable');
      // Nor is it broken altogether, or untouched: there is something to be right about.
      const standing = figures.robust.filter(Boolean).length / IMAGES;
      expect(standing).toBeGreaterThan(0.5);
      expect(standing).toBeLessThan(1);
    }
  });
});
