import { defineCommand } from 'citty';
import { table } from 'table';
import { dataSources, loadData } from '../../data/index.ts';
import { TouchstoneError } from '../../errors.ts';
import { commonArgs, contextOf } from '../common.ts';

const SPLITS = ['test', 'train'] as const;

export const command = defineCommand({
  meta: { name: 'data', description: 'list the data sets, or read one and say what is in it' },
  args: {
    spec: { type: 'positional', description: 'a data set as --data takes it', required: false },
    split: { type: 'string', description: 'train | test', default: 'test' },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    if (!args.spec) {
      const rows = Object.values(dataSources).map(({ usage, about }) => [usage, about]);
      await context.json(rows.map(([usage, about]) => ({ usage, about })));
      context.print(table(rows));
      return;
    }
    const wanted = SPLITS.find((s) => s === args.split);
    if (!wanted) throw new TouchstoneError('E_OPTION', `--split ${args.split}`, SPLITS.join(', '));
    const { name, split, n, shape, classes, sha256 } = await loadData(args.spec, wanted);
    await context.json({ name, split, n, shape, classes, sha256 });
    context.print(
      table(Object.entries({ name, split, images: n, shape: shape.join(' × '), classes, sha256 })),
    );
  },
});
