import { describe, expect, it } from 'vitest';
import type { ModelCard } from '../../src/eval/index.ts';
import { attackNames, type StageOptions, stagesOf } from '../../src/runs/audit-stages.ts';

const threat = { norm: 'linf', epsilon: 0.1 } as const;
const card = (classes: number): ModelCard =>
  ({
    classes,
    unsupported: [],
    operators: [],
    zeroGradients: [],
    outputKind: 'logits',
  }) as unknown as ModelCard;
const stages = (options: Partial<StageOptions>, classes = 10) =>
  stagesOf({ threat, ...options }, card(classes)).stages;

describe('the stages of an audit', () => {
  it('by default are the cheap attacks that know the norm, each on all images', () => {
    expect(stages({}).map((s) => s.attack)).toEqual(['noise', 'fgsm', 'gaat', 'pgd', 'pgd-margin']);
    expect(stages({ threat: { norm: 'l2', epsilon: 1 } }).map((s) => s.attack)).not.toContain('gaat');
    expect(stages({}).some((s) => s.survivors)).toBe(false);
  });

  it('take what is given where they heed it', () => {
    const given = { steps: 7, stepSize: 0.03, restarts: 2, queries: 11 };
    const [pgd, fgsm, square] = stages({ attacks: ['pgd', 'fgsm', 'square'], parameters: given });
    expect(pgd!.parameters).toEqual({ steps: 7, stepSize: 0.03, restarts: 2 });
    expect(fgsm!.parameters).toEqual({ steps: 1, stepSize: 0.1, restarts: 1 });
    expect(square!.parameters).toEqual({ queries: 11 });
    expect(stages({ attacks: ['pgd'], eot: 5 })[0]!.eot).toBe(5);
  });

  it('of AutoAttack see what those before them left, and are not tuned', () => {
    const standard = stages({ attacks: ['autoattack'], parameters: { steps: 3 } });
    expect(standard.map((s) => [s.attack, s.survivors])).toEqual([
      ['apgd-ce', true],
      ['apgd-t', true],
      ['fab-t', true],
      ['square', true],
    ]);
    expect(standard[0]!.parameters.steps).toBe(100);
    expect(stages({ attacks: ['autoattack-plus'] })).toHaveLength(6);
    expect(stages({ attacks: ['autoattack-rand'] }).map((s) => s.eot)).toEqual([20, 20]);
  });

  it('leave out what needs more classes, and say so', () => {
    const plan = stagesOf({ threat, attacks: ['autoattack-plus'] }, card(2));
    expect(plan.stages.map((s) => s.attack)).not.toContain('apgd-dlr');
    expect(plan.why).toEqual(['apgd-dlr is left out: it needs 3 classes.']);
  });

  it('chosen by what is known of the model come with their reasons', () => {
    const plan = stagesOf({ threat, attacks: ['auto'] }, card(10));
    expect(plan.stages.map((s) => s.attack)).toEqual(['apgd-ce', 'apgd-t', 'fab-t', 'square']);
    expect(plan.why.length).toBeGreaterThan(0);
  });

  it.each([
    [['nix'], /^E_OPTION: unknown attack "nix", expected noise, .*autoattack, .*auto/],
    [[], /^E_OPTION: an empty list of attacks/],
    [['autoattack', 'pgd'], /^E_OPTION: autoattack beside other attacks, expected autoattack alone/],
    [['auto', 'autoattack'], /^E_OPTION: auto beside other attacks/],
  ])('refuse %j', (attacks, line) => {
    expect(() => attackNames({ threat, attacks })).toThrow(line);
  });

  it('refuse an attack without a form for the norm, or with too few classes', () => {
    expect(() => attackNames({ threat: { norm: 'l1', epsilon: 1 }, attacks: ['gaat'] })).toThrow(
      /has no l1 form/,
    );
    expect(() => stages({ attacks: ['apgd-dlr'] }, 2)).toThrow(/^E_OPTION: attack "apgd-dlr" on 2 classes/);
  });
});
