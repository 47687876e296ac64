import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Project, type SourceFile, SyntaxKind } from 'ts-morph';
import { describe, expect, it } from 'vitest';
import { attacks, checks } from '../../src/eval/index.ts';
import { methods } from '../../src/train/index.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const src = join(root, 'src');
const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
project.addSourceFilesAtPaths(join(src, '**/*.ts'));
const doc = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');

/** The exported constants of a type in a folder: their file, and the name or id they give themselves. */
function specs(folder: string, type: string, key: string): { file: string; name: string }[] {
  const files = project.getSourceFiles().filter((f) => dirname(f.getFilePath()) === join(src, folder));
  return files.flatMap((file) =>
    file
      .getVariableDeclarations()
      .filter((d) => d.isExported() && d.getTypeNode()?.getText() === type)
      .map((d) => {
        const literal = d.getInitializerIfKindOrThrow(SyntaxKind.ObjectLiteralExpression);
        const property = literal.getPropertyOrThrow(key).asKindOrThrow(SyntaxKind.PropertyAssignment);
        const name = property.getInitializerIfKindOrThrow(SyntaxKind.StringLiteral).getLiteralValue();
        return { file: basename(file.getFilePath()), name };
      }),
  );
}

/** The cells of the rows of a page's table, without its head. */
const rows = (page: string) =>
  page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

describe('training methods', () => {
  it('in the registry and in docs/methods.md are the same', () => {
    // The first table; further ones are of options and recipes.
    const [table] = doc('methods.md').split('\n## ') as [string];
    const named = rows(table).flatMap(([cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    expect(named).toEqual(Object.keys(methods));
  });
});

describe('attacks', () => {
  const found = specs('eval/attacks', 'AttackSpec', 'name');
  const documented = rows(doc('attacks.md'));

  it('in the folder, in the registry and in docs/attacks.md are the same', () => {
    expect(found.length).toBeGreaterThan(3);
    expect(found.map((f) => f.name).sort()).toEqual(Object.keys(attacks).sort());
    expect(documented.map(([name]) => name)).toEqual(Object.keys(attacks).map((name) => `\`${name}\``));
  });

  it('have one file each, or share one with a variant', () => {
    for (const { file, name } of found)
      expect(`${name}.ts`.startsWith(basename(file, '.ts')), `${name} in ${file}`).toBe(true);
  });

  it.each(Object.entries(attacks))('%s is documented as it is', (name, spec) => {
    const [, norms, about, parameters, cost, source] = documented.find(([n]) => n === `\`${name}\``)!;
    expect(spec.name).toBe(name);
    expect(norms).toBe(spec.norms.join(', '));
    expect(about!.length).toBeGreaterThan(20);
    expect(cost).toMatch(/forward/);
    const { stepSize, ...counts } = spec.defaults({ norm: 'linf', epsilon: 0.5 });
    for (const [count, value] of Object.entries(counts)) expect(parameters).toContain(`${count} ${value}`);
    if (stepSize !== undefined)
      expect(parameters).toContain(`step size ${stepSize === 0.5 ? 'ε,' : `ε/${0.5 / stepSize}`}`);
    for (const [id] of spec.source.matchAll(/arXiv:[\d.]+\d/g)) expect(source).toContain(id);
    expect(source!.split(/[ ,]/)[0]).toBe(spec.source.split(/[ ,]/)[0]);
  });
});

describe('checks', () => {
  const found = specs('eval/checks', 'CheckSpec', 'id');
  const page = doc('checks.md');
  const sections = [...page.matchAll(/^## (\S+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gm)].map(([, id, text]) => ({
    id: id!,
    text: text!,
  }));

  it('in the folder, in the registry and in docs/checks.md are the same', () => {
    expect(found.length).toBeGreaterThan(5);
    expect(found.map((f) => f.name).sort()).toEqual(Object.keys(checks).sort());
    expect(sections.map((s) => s.id)).toEqual(Object.keys(checks));
  });

  it('have a file each, of their id', () => {
    expect(found.map((f) => f.file)).toEqual(found.map((f) => `${f.name}.ts`));
  });

  it.each(Object.entries(checks))('%s has a section that says when, what and what to do', (id, spec) => {
    expect(spec.id).toBe(id);
    const { text } = sections.find((s) => s.id === id)!;
    const [raised, means, remedy] = ['Raised if', 'What it means', 'What to do'].map((t) =>
      text.indexOf(`- **${t}** `),
    );
    expect(raised).toBeGreaterThanOrEqual(0);
    expect(means).toBeGreaterThan(raised!);
    expect(remedy).toBeGreaterThan(means!);
    // The verdicts that the text promises are those that the code can give.
    const code = readFileSync(join(src, 'eval/checks', `${id}.ts`), 'utf8');
    for (const verdict of ['warn', 'fail'])
      expect(text.includes(`\`${verdict}\``), verdict).toBe(code.includes(`'${verdict}'`));
  });

  it('and the verifier is explained, with its reasons and its tolerance', () => {
    for (const text of [
      '## The verifier',
      'not finite',
      'outside the ball',
      'outside [0, 1]',
      'not misclassified',
      '2⁻²⁴',
    ])
      expect(page).toContain(text);
  });
});

/** Folders by layer: a file may import from its own layer and those before it. */
const LAYERS = [
  ['random', 'graph'],
  ['autodiff', 'losses', 'io', 'setup'],
  ['engine'],
  ['train', 'eval', 'export', 'data', 'report'],
  ['runs'],
  ['experiment'],
  ['cli'],
];
const PORTABLE = ['graph', 'autodiff', 'losses', 'random', 'eval'];

describe('arrows', () => {
  const folderOf = (path: string) => relative(src, path).split('/').slice(0, -1)[0] ?? '';
  /** Everything a file imports, exports from, or loads when it is needed. */
  const imports = (file: SourceFile, what: 'all' | 'values' = 'all'): string[] => [
    ...file
      .getImportDeclarations()
      .filter((d) => what === 'all' || !d.isTypeOnly())
      .map((d) => d.getModuleSpecifierValue()),
    ...file
      .getExportDeclarations()
      .filter((d) => what === 'all' || !d.isTypeOnly())
      .flatMap((d) => d.getModuleSpecifierValue() ?? []),
    ...file
      .getDescendantsOfKind(SyntaxKind.CallExpression)
      .filter((c) => c.getExpression().getKind() === SyntaxKind.ImportKeyword)
      .flatMap((c) => c.getArguments()[0]?.asKind(SyntaxKind.StringLiteral)?.getLiteralValue() ?? []),
  ];
  const edges = project.getSourceFiles().flatMap((file) => {
    const path = file.getFilePath();
    return imports(file)
      .filter((to) => to.startsWith('.'))
      .map((to) => ({
        path: relative(root, path),
        to,
        from: folderOf(path),
        into: folderOf(join(dirname(path), to)),
      }))
      .filter(({ from, into, to }) => from !== into && !to.includes('/models/'));
  });

  it('no folder imports from a layer above it', () => {
    const layer = new Map(LAYERS.flatMap((folders, i) => folders.map((f) => [f, i] as const)));
    const known = edges.filter(({ from, into }) => from !== '' && into !== '');
    expect(known.length).toBeGreaterThan(100);
    for (const { from, into, path } of known) {
      expect(layer.has(from), `${path}: which layer is ${from}?`).toBe(true);
      expect(layer.has(into), `${path}: which layer is ${into}?`).toBe(true);
    }
    expect(known.filter(({ from, into }) => layer.get(into)! > layer.get(from)!)).toEqual([]);
    // What lies at the root (errors) is below all, and imports none of them.
    expect(edges.filter(({ from }) => from === '')).toEqual([]);
  });

  it('no two folders import each other, by whatever way', () => {
    const next = new Map<string, Set<string>>();
    for (const { from, into } of edges) next.set(from, (next.get(from) ?? new Set()).add(into));
    const reach = (from: string, seen = new Set<string>()): Set<string> => {
      for (const into of next.get(from) ?? []) if (!seen.has(into)) reach(into, seen.add(into));
      return seen;
    };
    for (const folder of next.keys()) expect(reach(folder), `from ${folder}`).not.toContain(folder);
  });

  it('the portable core knows nothing of Node, its files or its native packages', () => {
    // Also nothing that they import does, at whatever distance; imports of types alone are gone when it runs.
    const files = project.getSourceFiles().filter((f) => PORTABLE.includes(folderOf(f.getFilePath())));
    expect(files.length).toBeGreaterThan(60);
    for (const file of files) {
      for (const to of imports(file, 'values').filter((t) => t.startsWith('.'))) {
        const target = project.getSourceFileOrThrow(join(dirname(file.getFilePath()), to));
        if (!files.includes(target)) files.push(target);
      }
    }
    const foreign = files.flatMap((f) =>
      imports(f)
        .filter((to) =>
          /^(node:|fs-extra|onnxruntime-node|@tensorflow)|\/io\/|\/engine\/onnxruntime/.test(to),
        )
        .map((to) => `${relative(root, f.getFilePath())}: ${to}`),
    );
    const globals = files.flatMap((f) =>
      f
        .getDescendantsOfKind(SyntaxKind.Identifier)
        .filter((i) => ['process', 'Buffer', '__dirname', 'require'].includes(i.getText()))
        .map((i) => `${relative(root, f.getFilePath())}: ${i.getText()}`),
    );
    expect([...foreign, ...globals]).toEqual([]);
  });
});
