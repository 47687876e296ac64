import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Project } from 'ts-morph';
import { describe, expect, it } from 'vitest';
import { phaseNames } from '../../benchmarks/phases/registry.ts';
import { findTags, trainingSources } from '../../benchmarks/phases/tags.ts';
import { mismatches } from './phase-tags.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const sources = trainingSources();
const tags = findTags(sources);
const registryPath = join(root, 'benchmarks/phases/registry.ts');
const registry = new Project({ skipFileDependencyResolution: true }).addSourceFileAtPath(registryPath);

/** Training's sources, one of them changed. */
function changed(file: string, change: (text: string) => string) {
  const project = new Project({ useInMemoryFileSystem: true });
  return sources.map((source) => {
    const text = source.getFullText();
    const path = source.getFilePath();
    const isIt = path.endsWith(file);
    if (isIt && change(text) === text) throw new Error(`nothing to change in ${file}`);
    return project.createSourceFile(path, isIt ? change(text) : text);
  });
}

describe('phases', () => {
  it('are tagged in the sources, and each has a benchmark that calls the very function that trains', () => {
    expect(mismatches(tags, registry, sources)).toEqual([]);
    expect(tags.map((t) => t.name).sort()).toEqual([...phaseNames].sort());
    for (const name of ['GAAT lines 4-6', 'RAT lines 6-7', 'DEAT lines 6-9', 'update'])
      expect(phaseNames).toContain(name);
  });

  it('a tag that goes leaves a benchmark without one', () => {
    const without = changed('train/pgd.ts', (text) => text.replace(/ \* @phase RAT lines 6-7.*\n/, ''));
    expect(mismatches(findTags(without), registry, sources)).toEqual(['RAT lines 6-7 has no tag']);
  });

  it('a tag that comes asks for a benchmark', () => {
    const more = changed('train/fast.ts', (text) =>
      text.replace(
        'export const fast',
        '/** @phase NAP: one hour */\nexport const nap = () => 1;\nexport const fast',
      ),
    );
    expect(mismatches(findTags(more), registry, more)).toEqual([
      'NAP has no benchmark',
      'nothing trains by nap',
    ]);
  });

  it('a tag that moves to another function is not timed by the old call', () => {
    const moved = changed('train/pgd.ts', (text) => text.replace('function pgdSteps', 'function pgdOther'));
    expect(mismatches(findTags(moved), registry, sources)).toContain(
      'RAT lines 6-7 does not call pgdOther of src/train/pgd.ts',
    );
  });

  it('a benchmark that calls another function of that name is none', () => {
    const text = registry.getFullText().replace('() => efgsm.start(args)', '() => start(args)');
    const other = new Project({ useInMemoryFileSystem: true }).createSourceFile(
      'registry.ts',
      text.replace('run: ({ args }) => efgsm.start(args) }', 'run: ({ args }) => start(args) }'),
    );
    expect(mismatches(tags, other, sources)).toEqual([
      'eFGSM eqs. 11, 14 does not call start of src/train/efgsm.ts',
    ]);
  });
});

describe('the finder', () => {
  const found = (text: string) =>
    findTags([new Project({ useInMemoryFileSystem: true }).createSourceFile('/a.ts', text)]);

  it('reads functions, constants, and members of constants', () => {
    const tags = found(`
/** Says. @returns no\n * @phase A lines 1-2: one: step\n * @phase B: two\n */ // Alg. 1
export async function first() {}
/** @phase C: three */
const second = async () => 1;
const holder = {
  /** @phase D, §1: four */
  third() {},
  inner: {
    /** @phase E: five */
    fourth: () => 2,
  },
};
/** No phase, though it says @ phase. */
function none() {}
`);
    expect(tags.map(({ name, about, calls, line }) => [name, about, calls, line])).toEqual([
      ['A lines 1-2', 'one: step', 'first', 6],
      ['B', 'two', 'first', 6],
      ['C', 'three', 'second', 8],
      ['D, §1', 'four', 'holder.third', 11],
      ['E', 'five', 'holder.fourth', 14],
    ]);
  });

  it.each([
    ['/** @phase RAT */\nfunction a() {}', /E_DATA: .*a\.ts:1 has '@phase RAT'/],
    ['/** @phase : nothing */\nfunction a() {}', /has '@phase : nothing'/],
    ['/** @phase A: b */\ninterface A {}', /on no function/],
    ['/** @phase A: b */\nfunction a() {}\n/** @phase A: c */\nfunction b() {}', /has another 'A'/],
  ])('refuses %j', (text, line) => {
    expect(() => found(text)).toThrow(line);
  });
});
