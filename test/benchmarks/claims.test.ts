/** The papers' numbers as data: how many there are, by hand; some of them; and what papers print twice. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commandOf } from '../../benchmarks/claims/command.ts';
import { type Claim, isTime, loadTables, yardstickOf } from '../../benchmarks/claims/load.ts';
import { oursOf, settingsOf } from '../../benchmarks/claims/ours.ts';
import { passesOf } from '../../benchmarks/claims/passes.ts';
import { command as audit } from '../../src/cli/commands/audit.ts';
import { command as train } from '../../src/cli/commands/train.ts';
import { command as transfer } from '../../src/cli/commands/transfer.ts';
import { isRecipe } from '../../src/train/index.ts';

const tables = loadTables();
const all = tables.flatMap((t) => t.claims);
const at = (id: string): Claim => {
  const found = all.find((c) => c.id === id);
  expect(found, id).toBeDefined();
  return found!;
};

/** Counted in the papers: blocks of rows by columns of figures. */
const PRINTED: readonly (readonly [
  name: string,
  blocks: readonly (readonly [rows: number, columns: number])[],
])[] = [
  ['gaat table 1', [[4, 2]]],
  // Per network two rows of time and two accuracies; what is saved stands once.
  [
    'gaat table 2',
    [
      [7 * 2, 3],
      [7, 1],
    ],
  ],
  // The upper half: of the lower one the text has no figures.
  ['gaat table 3', [[4, 2]]],
  ['gaat table 4', [[4 * 2, 3]]],
  ['deat table 1', [[6, 5]]],
  ['deat table 2', [[6, 5]]],
  ['deat table 3', [[6, 5]]],
  ['deat table 4', [[13, 5]]],
  [
    'deat table 5',
    [
      [6, 4],
      [2, 4],
    ],
  ],
  ['deat table 6', [[2, 4]]],
  ['deat table 7', [[4 + 4, 4]]],
  ['free-vs-fast §4', [[4, 7]]],
  ['free-vs-fast §5', [[4, 8]]],
  [
    'efgsm table 1',
    [
      [4, 4],
      [4, 4],
    ],
  ],
  [
    'efgsm table 2',
    [
      [4, 5],
      [4, 5],
    ],
  ],
  [
    'efgsm table 3',
    [
      [4, 5],
      [4, 5],
    ],
  ],
  [
    'efgsm table 4',
    [
      [4, 3],
      [4, 3],
    ],
  ],
  ['efgsm table 5', [[1, 3]]],
  // No table: the paragraph on TRADES.
  [
    'efgsm §4.2',
    [
      [2, 2],
      [1, 1],
    ],
  ],
];

describe('the claims', () => {
  it('are every number of every table, table by table', () => {
    const counted = PRINTED.map(([name, blocks]) => [name, blocks.reduce((n, [r, c]) => n + r * c, 0)]);
    expect(tables.map((t) => [`${t.paper} ${t.table}`, t.claims.length])).toEqual(counted);
    expect(all.length).toBe(515 + 5);
  });

  it.each([
    ['gaat/table 1/WideResNet-28x4/RAT', 1345, 'min'],
    ['gaat/table 2/CIFAR-10/VGGNet-16/GAAT/Time saved', 46.32, '%'],
    ['gaat/table 2/CIFAR-100/ResNet-50/GAAT/Adv acc', 13.25, '%'],
    ['gaat/table 2/MNIST/Convolutional ReLU/RAT/Adv acc', 96.13, '%'],
    ['gaat/table 3/ResNet-50/Line 5-8', 389, 'ms'],
    ['gaat/table 4/DAT+GAAT/+early stopping/Training time', 119, 'min'],
    ['deat/table 1/PGD-7/CW-20', 41.01, '%'],
    ['deat/table 3/DEAT-20%/FGSM', 26.01, '%'],
    ['deat/table 4/M+MART/Time', 52.1, 'min'],
    ['deat/table 5/CIFAR10/PreAct-Res. + Standard/U-FGSM/PGD-100', 45.77, '%'],
    ['deat/table 5/CIFAR100/Wide-Res. + FAST/U-FGSM/Time', 41.6, 'min'],
    ['free-vs-fast/§4/m = 8/PGD-20', 0.486, 'fraction'],
    ['free-vs-fast/§5/α = 16/batch size 256/Natural Images', 0.87, 'fraction'],
    ['efgsm/table 1/CIFAR10/Madry’s/T_train', 240_177, 's'],
    ['efgsm/table 2/MNIST/PGD_CW-100/λ = 0.001', 30.5, '%'],
    ['efgsm/table 2/CIFAR10/PGD-ADP/λ = 0.05', 46.06, '%'],
    ['efgsm/table 3/MNIST/PGD_CE-20/λ = 0.1', 95.68, '%'],
    ['efgsm/table 4/CIFAR10/Natural/REC', 90.05, '%'],
    ['efgsm/table 5/accuracy[%]/ResNet-56', 83.42, '%'],
  ] as const)('%s is %d %s', (id, value, unit) => {
    expect(at(id)).toMatchObject({ value, unit });
  });

  it('keep what stands after ±', () => {
    expect(at('deat/table 7/U-FGSM/α = 18/PGD-100')).toMatchObject({ value: 39.35, spread: 4.2, seeds: 5 });
    expect(at('deat/table 6/M+U-FGSM/Stop at (·/30)')).toMatchObject({ value: 19.4, spread: 4 });
    const spread = all.filter((c) => c.spread !== undefined);
    expect(new Set(spread.map((c) => c.table))).toEqual(new Set(['table 6', 'table 7']));
    expect(spread).toHaveLength(8 + 32);
  });

  it('agree where papers print a figure twice', () => {
    const twice = (a: string, b: string) =>
      expect([at(a).value, at(a).spread], a).toEqual([at(b).value, at(b).spread]);
    for (const model of ['VGGNet-16', 'ResNet-18', 'ResNet-50', 'WideResNet-28x4'])
      twice(`gaat/table 1/${model}/RAT`, `gaat/table 2/CIFAR-10/${model}/RAT/Training time`);
    for (const column of ['Natural', 'PGD-100', 'CW-20', 'Time'])
      for (const [table, set] of [
        ['table 1', 'CIFAR10/PreAct-Res. + FAST'],
        ['table 2', 'CIFAR10/Wide-Res. + FAST'],
        ['table 4', 'CIFAR10/PreAct-Res. + Standard'],
        ['table 3', 'CIFAR100/Wide-Res. + FAST'],
      ])
        twice(`deat/${table}/M-DEAT/${column}`, `deat/table 5/${set}/M-DEAT/${column}`);
    for (const row of ['U-FGSM', 'M+U-FGSM'])
      for (const column of ['Natural', 'PGD-100', 'Stop at (·/30)', 'Time (min)'])
        twice(`deat/table 6/${row}/${column}`, `deat/table 7/${row}/α = 12/${column}`);
    twice('efgsm/table 1/CIFAR10/Ours/acc_adv.', 'efgsm/table 4/CIFAR10/PGD-ADP/Combined');
  });

  it('have times that their epochs make up', () => {
    for (const whole of all.filter((c) => c.paper === 'free-vs-fast' && c.quantity === 'training time')) {
      const epoch = at(whole.id.replace('Train Time', 'Avg Epoch Time'));
      const epochs = at(whole.id.replace('Train Time', 'Epoch'));
      expect((epoch.value * epochs.value) / 60 / whole.value, whole.id).toBeGreaterThan(0.95);
      expect((epoch.value * epochs.value) / 60 / whole.value, whole.id).toBeLessThan(1.05);
    }
  });

  it('say of what, on what hardware, and how ours is measured or why not', () => {
    for (const claim of all) {
      const ours = oursOf(claim);
      expect(claim.hardware.length, claim.id).toBeGreaterThan(0);
      if (!ours) {
        expect(claim.why!.length, claim.id).toBeGreaterThan(10);
        continue;
      }
      expect(ours.method, claim.id).toBe(claim.method);
      expect(settingsOf(claim).epsilon, claim.id).toBeCloseTo(claim.epsilon, 12);
      expect(settingsOf(claim).data ?? 'cifar', claim.id).toBe(claim.data === 'MNIST' ? 'mnist' : 'cifar');
      if (isTime(claim)) expect(yardstickOf(claim, all), claim.id).toBeDefined();
    }
  });
});

describe('the commands', () => {
  const COMMANDS: Readonly<Record<string, { args?: unknown }>> = { train, audit, transfer };
  const lines = [...new Set(all.flatMap((c) => commandOf(c, yardstickOf(c, all)) ?? []))];

  it('are of commands, options and recipes that there are', () => {
    expect(lines.length).toBeGreaterThan(100);
    for (const line of lines.filter((l) => !l.startsWith('touchstone bench'))) {
      const [, name, ...words] = line.split(' ');
      const known = Object.keys(COMMANDS[name!]!.args as object);
      const flags = words.filter((w) => w.startsWith('--')).map((w) => w.slice(2));
      expect(
        flags.filter((flag) => !known.includes(flag)),
        line,
      ).toEqual([]);
      const recipe = words[words.indexOf('--recipe') + 1];
      if (name === 'train') expect(isRecipe(recipe!), line).toBe(true);
    }
  });

  it('say of each run where it is, each another place', () => {
    const runs = lines.filter((l) => l.startsWith('touchstone train'));
    expect(new Set(runs.map((l) => / --out (\S+)/.exec(l)![1])).size).toBe(runs.length);
  });
});

describe('counted passes', () => {
  const ratio = (claim: Claim) => passesOf(oursOf(claim)!)! / passesOf(oursOf(yardstickOf(claim, all)!)!)!;
  // Their backward passes carry the update, too, so that passes are all that such methods cost.
  const replayed = all.filter(
    (c) =>
      ['free', 'deat'].includes(c.method!) &&
      c.paper !== 'efgsm' &&
      c.quantity === 'training time' &&
      passesOf(oursOf(c)!) !== null,
  );

  it('say within 5 % what DEAT’s and Free’s papers timed', () => {
    expect(replayed.length).toBe(3 * 3 + 3 + 4);
    for (const claim of replayed) {
      const timed = claim.value / yardstickOf(claim, all)!.value;
      expect(ratio(claim) / timed, claim.id).toBeGreaterThan(0.95);
      expect(ratio(claim) / timed, claim.id).toBeLessThan(1.05);
    }
  });

  it('are those of the algorithms', () => {
    // 2 of 11, of 101; half of the epochs natural, half of 11 or 2; T + 1 and one forward more.
    expect(ratio(at('gaat/table 2/CIFAR-10/VGGNet-16/GAAT/Time saved'))).toBeCloseTo(2 / 11, 12);
    expect(ratio(at('gaat/table 2/MNIST/Convolutional ReLU/GAAT/Training time'))).toBeCloseTo(2 / 101, 12);
    expect(ratio(at('gaat/table 4/DAT/Training time'))).toBeCloseTo(6 / 11, 12);
    expect(ratio(at('gaat/table 4/DAT+GAAT/Training time'))).toBeCloseTo(1.5 / 11, 12);
    expect(ratio(at('deat/table 4/TRADE/Time'))).toBeCloseTo(23 / 16, 12);
  });

  it('are unknown where the data decide', () => {
    for (const id of [
      'deat/table 1/DEAT-40%/Time',
      'deat/table 1/M-DEAT/Time',
      'deat/table 4/FAT-5/Time',
      'deat/table 6/U-FGSM/Time (min)',
      'gaat/table 4/GAAT/+early stopping/Training time',
    ])
      expect(passesOf(oursOf(at(id))!), id).toBeNull();
  });
});

describe('a file of claims', () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-claims-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const cell = { data: 'MNIST', epsilon: 0.1, model: 'CNN', label: 'RAT', method: 'pgd' };
  const good = {
    ...{ paper: 'gaat', table: 'table 9', caption: 'a table', hardware: 'not said' },
    common: { ...cell, quantity: 'accuracy', unit: '%', recipe: 'gaat-paper/mnist-rat' },
    columns: { natural: {} },
    rows: [{ row: ['RAT'], facts: {}, values: { natural: 99 } }],
  };
  const load = (...files: unknown[]) => {
    const own = mkdtempSync(join(folder, 'f-'));
    for (const [i, file] of files.entries())
      writeFileSync(join(own, `${i}.json`), typeof file === 'string' ? file : JSON.stringify(file));
    return loadTables(own);
  };

  it('is a table of claims', () => {
    expect(load(good)[0]!.claims).toMatchObject([
      { id: 'gaat/table 9/RAT/natural', value: 99, method: 'pgd' },
    ]);
  });

  it.each([
    ['no JSON', '{', 'is no JSON'],
    ['an unknown paper', { ...good, paper: 'mine' }, '0.json, paper'],
    ['an unknown field', { ...good, colour: 1 }, 'colour'],
    [
      'a number as text',
      { ...good, rows: [{ ...good.rows[0], values: { natural: '99' } }] },
      'rows.0.values',
    ],
    [
      'a column that is not named',
      { ...good, rows: [{ ...good.rows[0], values: { fgsm: 9 } }] },
      'column fgsm',
    ],
    ['no unit', { ...good, common: { ...good.common, unit: undefined } }, 'without unit'],
    ['no recipe', { ...good, common: { ...good.common, recipe: undefined } }, 'without recipe or why'],
    ['a recipe that is none', { ...good, common: { ...good.common, recipe: 'mine' } }, 'is no recipe'],
    ['no method and no reason', { ...good, common: { ...good.common, method: null } }, 'of no method'],
    [
      'a time against nothing',
      { ...good, common: { ...good.common, quantity: 'training time', unit: 'min' } },
      'what it is compared with',
    ],
  ])('is refused with %s', (_, file, message) => {
    expect(() => load(file)).toThrow(message);
  });

  it('is refused beside another of the same cell', () => {
    expect(() => load(good, good)).toThrow('gaat/table 9/RAT/natural twice');
  });
});
