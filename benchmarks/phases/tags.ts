/**
 * The phases of training, as the sources tell them: `@phase NAME: what it is` above the function that trains.
 *
 * A phase's name is the paper's own line numbers; the same function may have several names.
 */
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JSDocTag, Node, Project, type SourceFile } from 'ts-morph';
import { TouchstoneError } from '../../src/errors.ts';

export interface Tag {
  /** `RAT lines 6-7` */
  readonly name: string;
  /** `one PGD step` */
  readonly about: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Of the function. */
  readonly line: number;
  /** As it is called: `pgdSteps`; of a member, with the object's name, `learner.update`. */
  readonly calls: string;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Where training is: its methods, and how a run gets its images. */
const SOURCES = ['src/train/**/*.ts', 'src/data/**/*.ts', 'src/runs/train-run.ts'];

/** The sources of training, parsed. */
export function trainingSources(): SourceFile[] {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  return project.addSourceFilesAtPaths(SOURCES.map((glob) => join(root, glob)));
}

/**
 * All phases of some sources, in the order of files and lines.
 *
 * @throws E_DATA for a tag that does not read `NAME: what it is`, is not on a function, or has another's name
 */
export function findTags(sources: readonly SourceFile[]): Tag[] {
  const tags = sources.flatMap((source) =>
    source
      .getDescendants()
      .filter(Node.isJSDocTag)
      .filter((tag) => tag.getTagName() === 'phase')
      .map((tag) => tagOf(tag, relative(root, source.getFilePath()))),
  );
  for (const [i, { name, file, line }] of tags.entries())
    if (tags.findIndex((other) => other.name === name) < i) throw wrong(file, line, `another '${name}'`);
  return tags;
}

function tagOf(tag: JSDocTag, file: string): Tag {
  const line = tag.getStartLineNumber();
  const text = tag.getCommentText()?.trim() ?? '';
  const [, name, about] = /^(\S.*?): (\S.*)$/.exec(text) ?? [];
  if (!name || !about) throw wrong(file, line, `'@phase ${text}'`);
  const owner = tag.getParentOrThrow().getParentOrThrow();
  const calls = callOf(owner);
  if (!calls) throw wrong(file, line, `'@phase ${text}' on no function`);
  return { name, about, file, line: owner.getStartLineNumber(), calls };
}

const wrong = (file: string, line: number, got: string): TouchstoneError =>
  new TouchstoneError(
    'E_DATA',
    `${file}:${line} has ${got}`,
    '`@phase NAME: what it is`, once, on a function',
  );

/** How a function is called: by its name, or as the member of a constant. */
function callOf(owner: Node): string | undefined {
  if (Node.isFunctionDeclaration(owner)) return owner.getName();
  if (Node.isVariableStatement(owner)) return owner.getDeclarations()[0]?.getName();
  if (!Node.isMethodDeclaration(owner) && !Node.isPropertyAssignment(owner)) return undefined;
  const holder = owner.getFirstAncestor(Node.isVariableDeclaration);
  return holder && `${holder.getName()}.${owner.getName()}`;
}
