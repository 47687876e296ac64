import { defineCommand } from 'citty';
import { commonArgs, contextOf } from '../common.ts';

export const command = defineCommand({
  meta: { name: 'status', description: 'what runs where in a queue, what waits, what failed and why' },
  args: {
    redis: {
      type: 'string',
      description: 'redis://host:port/number, as for run; the password in TOUCHSTONE_REDIS_PASSWORD',
      required: true,
      valueHint: 'URL',
    },
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { queueStatus, redisPlace, statusText } = await import('../../experiment/queue/index.ts');
    const status = await queueStatus(redisPlace(args.redis));
    await context.json(status);
    context.print(statusText(status));
    return 0;
  },
});
