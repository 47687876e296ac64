/** The papers' numbers: read from the files of this folder, each cell a claim. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TouchstoneError } from '../../src/errors.ts';
import type { MethodName, RecipeName } from '../../src/train/index.ts';
import {
  type Attack,
  type DataName,
  type Facts,
  PAPERS,
  type PaperName,
  type Quantity,
  type TableFile,
  tableFile,
  type Unit,
} from './schema.ts';

/** One number of one table. */
export interface Claim {
  /** `paper/table/row/column`. */
  readonly id: string;
  readonly paper: PaperName;
  /** As it is numbered there; a section where it is not. */
  readonly table: string;
  /** Its headings as printed, the outermost first. */
  readonly row: readonly string[];
  readonly column: string;
  /** As printed, in `unit`. */
  readonly value: number;
  readonly unit: Unit;
  /** What stands after ±. */
  readonly spread?: number;
  readonly quantity: Quantity;
  readonly hardware: string;
  readonly label: string;
  readonly method: MethodName | null;
  readonly data: DataName;
  readonly model: string;
  readonly setting?: string;
  /** In pixel space. */
  readonly epsilon: number;
  /** None: of natural images. */
  readonly attack?: Attack;
  readonly phase?: 'pgd' | 'pgd-step';
  readonly stands?: 'epochs' | 'batchSize';
  readonly backwardsPerBatch?: number;
  readonly seeds?: number;
  readonly recipe?: RecipeName;
  readonly options: Readonly<Record<string, string | number>>;
  readonly why?: string;
  readonly against?: NonNullable<Facts['against']>;
}

/** One table, its claims in reading order. */
export interface ClaimTable {
  readonly paper: PaperName;
  readonly table: string;
  readonly caption: string;
  readonly hardware: string;
  readonly absent?: string;
  readonly columns: readonly string[];
  readonly claims: readonly Claim[];
}

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * All tables: by paper, then numbered ones, then sections.
 *
 * @param folder with one .json per table
 * @throws E_DATA for a file that is not as schema.ts says, or two that hold the same cell
 */
export function loadTables(folder = here): ClaimTable[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const tables = files.map((file) => tableOf(readTable(join(folder, file), file), file));
  const seen = new Set<string>();
  for (const { id } of tables.flatMap((t) => t.claims)) {
    if (seen.has(id)) throw new TouchstoneError('E_DATA', `${id} twice`, 'each cell in one file');
    seen.add(id);
  }
  const place = ({ paper, table }: ClaimTable): string =>
    [Object.keys(PAPERS).indexOf(paper), table.startsWith('§') ? 1 : 0, table].join(' ');
  return tables.sort((a, b) => place(a).localeCompare(place(b), 'en', { numeric: true }));
}

function readTable(path: string, file: string): TableFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new TouchstoneError('E_DATA', `${file} is no JSON`, 'a table of claims', undefined, { cause });
  }
  const parsed = tableFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TouchstoneError(
    'E_DATA',
    `${file}, ${issue!.path.join('.') || 'the file'}: ${issue!.message}`,
    'a table of claims',
  );
}

function tableOf({ common, columns, rows, ...head }: TableFile, file: string): ClaimTable {
  const { paper, table, caption, hardware, absent } = head;
  const claims = rows.flatMap(({ row, facts, values, spread = {} }) => {
    const stray = Object.keys({ ...values, ...spread }).find((column) => !(column in columns));
    if (stray !== undefined)
      throw new TouchstoneError('E_DATA', `${file}, ${row.join(', ')}: column ${stray}`, 'one of columns');
    return Object.entries(values).map(([column, value]): Claim => {
      const merged = mergedFacts(common, columns[column]!, facts);
      const id = [paper, table, ...row, column].join('/');
      return {
        ...{ id, paper, table, row, column, value, hardware },
        ...(spread[column] !== undefined && { spread: spread[column] }),
        ...whole(merged, id),
      };
    });
  });
  return {
    ...{ paper, table, caption, hardware },
    ...(absent !== undefined && { absent }),
    ...{ columns: Object.keys(columns), claims },
  };
}

/** The row's own words go before the column's, these before the table's; options add up. */
function mergedFacts(...layers: readonly Facts[]): Facts {
  const { strength, ...merged }: Facts = Object.assign({}, ...layers);
  const options = Object.assign({}, ...layers.map((layer) => layer.options ?? {}));
  return {
    ...merged,
    options,
    ...(merged.attack && strength && { attack: { ...merged.attack, ...strength } }),
  };
}

/** What every claim must have. */
const NEEDED = ['label', 'method', 'data', 'model', 'epsilon', 'quantity', 'unit'] as const;
const TIMES: readonly Quantity[] = ['training time', 'epoch time', 'phase time', 'saving'];

/** Whether it is compared as a ratio of times. */
export const isTime = ({ quantity }: Pick<Claim, 'quantity'>): boolean => TIMES.includes(quantity);

/** @throws E_DATA where something is missing, or would mean nothing */
function whole(
  facts: Facts,
  id: string,
): Omit<Claim, 'id' | 'paper' | 'table' | 'row' | 'column' | 'value' | 'hardware'> {
  const missing = NEEDED.find((key) => facts[key] === undefined);
  if (missing) throw new TouchstoneError('E_DATA', `${id} without ${missing}`, 'one');
  if (!facts.recipe && !facts.why) throw new TouchstoneError('E_DATA', `${id} without recipe or why`, 'one');
  if (facts.method === null && !facts.why)
    throw new TouchstoneError('E_DATA', `${id} of no method here`, 'why');
  if (isTime({ quantity: facts.quantity! }) && !facts.against)
    throw new TouchstoneError('E_DATA', `${id}, a time`, 'what it is compared with, "against"');
  return facts as ReturnType<typeof whole>;
}

/**
 * The claim that a time is compared with: the same quantity of the same paper, data, network and set-up, but for what
 * `against` says otherwise; of the same table before another. A saving is compared already.
 */
export function yardstickOf(claim: Claim, all: readonly Claim[]): Claim | undefined {
  const { label, model = claim.model, setting = claim.setting ?? '' } = claim.against ?? {};
  const quantity = claim.quantity === 'saving' ? 'training time' : claim.quantity;
  const found = all.filter(
    (c) =>
      c.label === label &&
      c.model === model &&
      (c.setting ?? '') === setting &&
      c.paper === claim.paper &&
      c.data === claim.data &&
      c.quantity === quantity,
  );
  return found.find((c) => c.table === claim.table) ?? found[0];
}
