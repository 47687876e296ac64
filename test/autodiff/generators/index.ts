import fc from 'fast-check';
import { elementwise } from './elementwise.ts';
import { gathers } from './gather.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { networks } from './networks.ts';
import { quantisers } from './quantise.ts';
import { reductions } from './reduce.ts';
import type { Generators, Sample } from './sample.ts';
import { spatial } from './spatial.ts';

/** A generator for each operator that a gradient goes through. */
export const generators: Generators = {
  ...elementwise,
  ...gathers,
  ...layout,
  ...linear,
  ...quantisers,
  ...reductions,
  ...spatial,
};

/** The same by name, and small networks. */
export const all: readonly (readonly [name: string, generator: fc.Arbitrary<Sample>])[] = [
  ...Object.entries(generators).sort(([a], [b]) => a.localeCompare(b)),
  ...networks.map((sample) => [sample.label, fc.constant(sample)] as const),
];

export type { Sample } from './sample.ts';
