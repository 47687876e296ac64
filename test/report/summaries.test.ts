import { describe, expect, it } from 'vitest';
import { auditMarkdown, type Result, robustBenchEntry } from '../../src/report/index.ts';
import { fixtureResult } from '../fixtures/result.ts';

const result = (change: Partial<Result> = {}): Result => fixtureResult(change);

describe('the summary in Markdown', () => {
  it('has a row per attack, the worst case, and the concerns', () => {
    const r = result();
    const text = auditMarkdown(r);
    for (const attack of r.attacks) expect(text).toContain(`| ${attack.name} |`);
    expect(text).toMatch(/\| \*\*worst case\*\* \| \*\*\d+\.\d %\*\* \|/);
    for (const check of r.checks)
      expect(text.includes(`**${check.id}**`), check.id).toBe(check.verdict !== 'pass');
    const rows = text.split('\n').filter((line) => line.startsWith('|'));
    const columns = new Set(rows.map((row) => row.split('|').length));
    expect(columns.size, 'every row has as many cells').toBe(1);
  });

  it('lets no name become markup', () => {
    const r = result();
    const nasty = { ...r, model: { ...r.model, path: 'a|b <img src=x> @someone `x` [l](h).onnx' } };
    const text = auditMarkdown(nasty);
    expect(text).not.toMatch(/[^\\]<img|@someone|[^\\]\]\(h/);
    const [heading] = text.split('\n');
    expect(heading).toContain('a\\|b');
  });
});

describe('the entry for RobustBench', () => {
  const stage = (name: string): Result['attacks'][number] => ({
    ...{ name, parameters: {}, robustAccuracy: 0.5, broken: 500, attacked: 900, survivors: true },
    ...{ seconds: 1, forwards: 1, backwards: 1 },
  });
  const standard = ['apgd-ce', 'apgd-t', 'fab-t', 'square'].map(stage);

  it('calls AutoAttack what is AutoAttack, and nothing else', () => {
    const entry = robustBenchEntry(result({ attacks: standard, robustAccuracy: 0.5 }));
    expect(entry).toMatchObject({ autoattack_acc: '50.00', reported: '50.00', number_forward_passes: 1 });
    for (const attacks of [
      standard.slice(1),
      standard.map((a) => ({ ...a, survivors: false })),
      [...standard].reverse(),
    ]) {
      const other = robustBenchEntry(result({ attacks, robustAccuracy: 0.5 }));
      expect(other).not.toHaveProperty('autoattack_acc');
      expect(other.external).toBe('50.00');
    }
  });

  it('is marked where the number is not to be relied on', () => {
    const r = result({ attacks: standard });
    const sound = { ...r, verifier: { ...r.verifier, ok: true, rejected: 0 } };
    const { verdict: _, ...bare } = sound;
    expect(robustBenchEntry(bare as Result)).not.toHaveProperty('unreliable');
    expect(robustBenchEntry({ ...bare, verifier: { ...r.verifier, ok: false } } as Result).unreliable).toBe(
      true,
    );
    const crashed = { ...bare, attacks: [...standard, { ...stage('pgd'), error: 'no' }] } as Result;
    expect(robustBenchEntry(crashed).unreliable).toBe(true);
  });

  it('writes radii and shares as they do there', () => {
    const r = result({ attacks: standard });
    const entry = robustBenchEntry({
      ...r,
      threat: { ...r.threat, epsilon: 8 / 255 },
      clean: { accuracy: 0.8686, correct: 8686, n: 10000 },
    });
    expect(entry).toMatchObject({ eps: '8/255', clean_acc: '86.86' });
  });
});
