import type { Result } from '../../src/report/index.ts';

const BY_CHANCE = ['seconds', 'createdAt', 'commandLine', 'path'];

/** A result without its clock and its paths. */
export const essence = (result: Result) =>
  JSON.parse(JSON.stringify(result, (name, value) => (BY_CHANCE.includes(name) ? undefined : value)));
