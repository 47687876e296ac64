/** What a file of this folder holds: one table of one paper, cell by cell as printed, and what it takes to measure ours. */
import { z } from 'zod';
import { parseNumber } from '../../src/cli/numbers.ts';
import { isRecipe, type MethodName, methods, type RecipeName } from '../../src/train/index.ts';

/** In the order in which they are shown. */
export const PAPERS = {
  gaat: 'Gong, Reducing Adversarial Training Cost with Gradient Approximation, arXiv:2309.09464',
  deat: 'Wang et al., Gradient-Guided Dynamic Efficient Adversarial Training',
  'free-vs-fast': 'Capaldi, Capozzi, Free vs Fast Adversarial Training (2020)',
  efgsm: 'Chen, Lee, Towards Fast and Robust Adversarial Training for Image Classification, ACCV 2020',
} as const;
export type PaperName = keyof typeof PAPERS;

export const DATA = ['MNIST', 'CIFAR-10', 'CIFAR-100'] as const;
export type DataName = (typeof DATA)[number];
/** Per cent that guessing gets right. */
export const CHANCE: Readonly<Record<DataName, number>> = { MNIST: 10, 'CIFAR-10': 10, 'CIFAR-100': 1 };

export const QUANTITIES = [
  'accuracy',
  'training time',
  'epoch time',
  'phase time',
  'saving',
  'stop epoch',
  'setting',
] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** `fraction`: of 1, where the paper prints accuracies so. */
export const UNITS = ['%', 'fraction', 'min', 's', 'ms', 'epochs', 'images'] as const;
export type Unit = (typeof UNITS)[number];

/** In pixel space: a number, or `8/255` as papers write it. */
const length = z.union([
  z.number().positive(),
  z
    .string()
    .regex(/^\d+\/255$/)
    .transform((text) => parseNumber(text, 'eps')),
]);

const method = z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]);
const recipe = z.string().refine((name): name is RecipeName => isRecipe(name), 'is no recipe');

const attack = z.strictObject({
  label: z.string().describe('one name for what papers print in several ways'),
  name: z.enum(['fgsm', 'pgd', 'pgd-margin', 'pgd-adp', 'transfer']).describe('ours'),
  steps: z.int().positive().optional(),
  stepSize: length.optional().describe('absent: not said'),
});

/** What holds for a cell. A file says it for all, for a column or for a row; the row has the last word. */
const facts = z.strictObject({
  label: z.string().describe('the paper’s name for the method'),
  method: method.nullable().describe('ours; null: it is none of ours'),
  data: z.enum(DATA),
  model: z.string().describe('the paper’s name'),
  setting: z.string().describe('what tells it from other rows of the same network: schedule, batch size, λ'),
  epsilon: length,
  quantity: z.enum(QUANTITIES),
  unit: z.enum(UNITS),
  attack,
  strength: attack.pick({ steps: true, stepSize: true }).describe('of the column’s attack, in this row'),
  phase: z.enum(['pgd', 'pgd-step']).describe('what a phase time is of: all T steps, or one'),
  stands: z.enum(['epochs', 'batchSize']).describe('which setting a setting is'),
  backwardsPerBatch: z.int().positive().describe('#BP, where the paper says it'),
  seeds: z.int().positive().describe('how many runs the figure is the mean of'),
  recipe: recipe.describe('what trains ours'),
  options: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .describe('beside the recipe, by the command line’s names: what the row varies'),
  why: z.string().describe('why nothing here can measure it'),
  against: z
    .strictObject({ label: z.string(), model: z.string().optional(), setting: z.string().optional() })
    .describe('the row that its time is compared with, in what it differs; setting "" is none'),
});
const someFacts = facts.partial();
export type Facts = z.infer<typeof someFacts>;
export type Attack = z.infer<typeof attack>;

const name = z.string().min(1);
const cells = z.record(name, z.number());

export const tableFile = z.strictObject({
  paper: z.enum(Object.keys(PAPERS) as [PaperName, ...PaperName[]]),
  table: z.string().regex(/^(table \d+|§[\d.]+)$/, 'expected "table N", or the section it is in'),
  caption: z.string().min(1),
  hardware: z.string().min(1),
  absent: z.string().optional().describe('what the paper’s table has and the text at hand has not'),
  common: someFacts,
  columns: z.record(name, someFacts),
  rows: z
    .array(
      z.strictObject({
        row: z.array(name).min(1).describe('its headings, the outermost first'),
        facts: someFacts,
        values: cells.describe('by column, as printed'),
        spread: cells.optional().describe('what stands after ±'),
      }),
    )
    .min(1),
});
export type TableFile = z.infer<typeof tableFile>;
