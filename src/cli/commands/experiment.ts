import { defineCommand } from 'citty';
import fs from 'fs-extra';
import { TouchstoneError } from '../../errors.ts';

export const command = defineCommand({
  meta: { name: 'experiment', description: 'write a commented experiment.json to begin with' },
  args: {
    action: { type: 'positional', description: 'init', required: true },
    file: { type: 'positional', description: 'default: experiment.json', required: false, valueHint: 'FILE' },
  },
  async run({ args }) {
    if (args.action !== 'init') throw new TouchstoneError('E_OPTION', `experiment ${args.action}`, 'init');
    const path = args.file ?? 'experiment.json';
    if (await fs.pathExists(path))
      throw new TouchstoneError('E_FILE', `${path} is there already`, 'a new file', 'name another');
    const [{ writeFileAtomic }, { example }] = await Promise.all([
      import('../../io/index.ts'),
      import('../../experiment/example.ts'),
    ]);
    await writeFileAtomic(path, example);
    process.stdout.write(`${path}; see what it would do with: touchstone run ${path} --dry-run\n`);
    return 0;
  },
});
