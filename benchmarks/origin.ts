/** What every record says of its tool and its machine. */
import { z } from 'zod';

export const toolShape = z.object({
  name: z.string(),
  version: z.string(),
  gitCommit: z.string().optional(),
});

export const machineShape = z.object({
  node: z.string(),
  platform: z.string(),
  cpu: z.string(),
  cores: z.int().positive(),
  memoryGiB: z.int().nonnegative(),
});

/** A record, as far as it says these. */
export interface Origin {
  readonly tool: z.infer<typeof toolShape>;
  readonly machine: z.infer<typeof machineShape>;
}
