/** Table 3 of the GAAT paper, in its rows and columns, with what was measured here beside what it prints. */
import { loadTables } from '../claims/load.ts';
import type { PhasesRecord, Row } from './record.ts';
import type { PhaseName } from './registry.ts';

/** The paper's columns: an algorithm, and lines of it. */
export const COLUMNS = [
  { algorithm: 'RAT (Algorithm 1)', lines: 'Line 5-8', phase: 'RAT lines 5-8' },
  { algorithm: 'RAT (Algorithm 1)', lines: 'Line 6-7', phase: 'RAT lines 6-7' },
  { algorithm: 'GAAT (Algorithm 2)', lines: 'Line 4-10', phase: 'GAAT lines 4-10' },
  { algorithm: 'GAAT (Algorithm 2)', lines: 'Line 8-9', phase: 'GAAT lines 8-9' },
  { algorithm: 'GAAT (Algorithm 2)', lines: 'Line 4-6', phase: 'GAAT lines 4-6' },
] as const satisfies readonly { algorithm: string; lines: string; phase: PhaseName }[];

/** The paper's rows, and one that its table has not. */
const NAMES = {
  vgg16: 'VGGNet-16',
  resnet18: 'ResNet-18',
  resnet50: 'ResNet-50',
  'wrn-28-4': 'WideResNet-28x4',
  'mnist-cnn': 'Convolutional ReLU',
} as const;

/** Images per mini-batch there: §5.1. */
const PAPERS_BATCH = 128;

/** A line of the table: the paper's, or what one engine took. */
export interface Line {
  readonly model: string;
  /** `paper`, or the engine and its device. */
  readonly by: string;
  readonly batch: number;
  /** Milliseconds, in the order of the columns; null where there is none. */
  readonly cells: readonly (number | null)[];
  /** GAAT's adversarial examples ÷ RAT's. */
  readonly ratio: number | null;
}

/** RAT's own, or GAAT's: not another method's of other T. */
const isOf = ({ phase, as, steps: T }: Row, wanted: PhaseName, steps: number): boolean =>
  phase === wanted && (as === 'pgd' || as === 'gaat') && (T ?? steps) === steps;

const lineOf = (model: string, by: string, batch: number, cells: readonly (number | null)[]): Line => {
  const [rat, , gaat] = cells;
  return { model, by, batch, cells, ratio: rat && gaat ? gaat / rat : null };
};

/** What the paper prints; of GAAT's half the text at hand has no figures. */
function published(model: string): Line | null {
  const claims = loadTables().find((t) => t.paper === 'gaat' && t.table === 'table 3')?.claims ?? [];
  const cells = COLUMNS.map(
    ({ algorithm, lines }) =>
      claims.find(
        (c) => c.model === model && algorithm.startsWith(c.label.split(/[ ,]/)[0]!) && c.column === lines,
      )?.value ?? null,
  );
  return cells.every((cell) => cell === null) ? null : lineOf(model, 'paper', PAPERS_BATCH, cells);
}

/** The table's lines: for each network the paper's, then an engine's each, p50. Networks of neither are not in it. */
export function table3({ rows, steps }: Pick<PhasesRecord, 'rows' | 'steps'>): Line[] {
  return Object.entries(NAMES).flatMap(([model, name]) => {
    const own = rows.filter((r) => r.model === model);
    const groups = new Map(own.map((r) => [`${r.engine}, ${r.device}`, r]));
    const measured = [...groups].map(([by, { batch, engine, device }]) => {
      const those = own.filter((r) => r.engine === engine && r.device === device);
      const cells = COLUMNS.map(({ phase }) => those.find((r) => isOf(r, phase, steps))?.p50 ?? null);
      return lineOf(name, by, batch, cells);
    });
    if (measured.length === 0) return [];
    return [published(name) ?? [], measured].flat();
  });
}
