import { describe, expect, it } from 'vitest';
import { builtCorpus } from './corpus.ts';
import { mutated } from './mutate.ts';
import { outcomeOf } from './subject.ts';

const COUNT = 3000;
/** A fuzzed file may take 2 s; one that is not damaged takes milliseconds. */
const LONGEST = 2000;

describe('damaged model files', () => {
  const corpus = builtCorpus();

  it('are made from files that differentiate', () => {
    expect(corpus.map(outcomeOf)).toEqual(corpus.map(() => 'differentiated'));
  });

  it(`end in a typed error or a gradient, soon: ${COUNT} of them`, () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < COUNT; seed++) {
      const bytes = mutated(corpus, seed);
      const started = performance.now();
      const outcome = outcomeOf(bytes);
      expect(performance.now() - started, `seed ${seed}`).toBeLessThan(LONGEST);
      expect(outcome, `seed ${seed}`).not.toMatch(/^crashed/);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    // Damage that is always refused at the door would test nothing behind it.
    for (const outcome of ['refused to read', 'refused to differentiate', 'differentiated'])
      expect(counts.get(outcome) ?? 0, outcome).toBeGreaterThan(COUNT / 50);
  }, 60_000);
});
