/** What is wrong between `@phase` tags, their benchmarks, and training itself. */
import { basename } from 'node:path';
import { Node, type SourceFile, SyntaxKind } from 'ts-morph';
import type { Tag } from '../../benchmarks/phases/tags.ts';

const callsIn = (node: Node): string[] =>
  node.getDescendantsOfKind(SyntaxKind.CallExpression).map((call) => call.getExpression().getText());

/** The entries of the registry, by their names. */
function entriesOf(registry: SourceFile): Map<string, Node> {
  const literal = registry
    .getVariableDeclarationOrThrow('phases')
    .getFirstDescendantByKindOrThrow(SyntaxKind.ObjectLiteralExpression);
  const entries = literal.getProperties().filter(Node.isPropertyAssignment);
  return new Map(entries.map((p) => [p.getName().replace(/^'|'$/g, ''), p.getInitializerOrThrow()]));
}

/** The file that a name of the registry is imported from: through a door, the folder's. */
function originOf(registry: SourceFile, name: string): string | undefined {
  const found = registry
    .getImportDeclarations()
    .find((d) =>
      [d.getNamespaceImport()?.getText(), ...d.getNamedImports().map((n) => n.getName())].includes(name),
    );
  return found?.getModuleSpecifierValue().replace(/^(\.\.\/)+/, '');
}

/** Whether a call in the registry is of the very function: imported from its file, or its door; a learner is what it is given. */
function isOf(registry: SourceFile, { calls, file }: Tag, called: string): boolean {
  const parts = called.split('.');
  if (parts.at(-1) !== calls.split('.').at(-1)) return false;
  const origin = originOf(registry, parts[0]!);
  if (origin === undefined) return calls.startsWith('learner.') && called === `args.${calls}`;
  return origin === file || origin === file.replace(basename(file), 'index.ts');
}

/** Where a function's name stands for it: called, chosen, in a table. */
const USES = [
  SyntaxKind.CallExpression,
  SyntaxKind.ConditionalExpression,
  SyntaxKind.PropertyAssignment,
  SyntaxKind.ShorthandPropertyAssignment,
];

/** Whether training takes it: by its name, or as the member of whatever holds it. */
function isTaken(sources: readonly SourceFile[], { calls }: Tag): boolean {
  const member = calls.split('.').at(-1)!;
  if (calls !== member)
    return sources.some((s) => callsIn(s).some((called) => called.endsWith(`.${member}`)));
  return sources.some((source) =>
    source
      .getDescendantsOfKind(SyntaxKind.Identifier)
      .some((id) => id.getText() === calls && USES.includes(id.getParentOrThrow().getKind())),
  );
}

/** @returns a line per mismatch; none where tags, benchmarks and training agree */
export function mismatches(
  tags: readonly Tag[],
  registry: SourceFile,
  training: readonly SourceFile[],
): string[] {
  const entries = entriesOf(registry);
  const names = new Set(tags.map(({ name }) => name));
  return [
    ...tags.filter(({ name }) => !entries.has(name)).map(({ name }) => `${name} has no benchmark`),
    ...[...entries.keys()].filter((name) => !names.has(name)).map((name) => `${name} has no tag`),
    ...tags.flatMap((tag) => {
      const entry = entries.get(tag.name);
      const calls = entry && callsIn(entry);
      return !calls || calls.some((called) => isOf(registry, tag, called))
        ? []
        : [`${tag.name} does not call ${tag.calls} of ${tag.file}`];
    }),
    ...tags.filter((tag) => !isTaken(training, tag)).map((tag) => `nothing trains by ${tag.calls}`),
  ];
}
