import type { AttackName } from '../attacks/index.ts';
import type { Evidence } from './check.ts';

/** Attacks that see logits only. */
const WITHOUT_GRADIENTS: ReadonlySet<string> = new Set<AttackName>(['noise', 'square']);

type Broken = Evidence['broken'];

/** Per image, whether any attack that follows gradients broke it; undefined where none ran. */
export function brokenByGradients(broken: Broken): readonly boolean[] | undefined {
  return union([...broken].filter(([name]) => !WITHOUT_GRADIENTS.has(name)).map(([, list]) => list));
}

/** Per image, whether one of the lists has it; undefined without lists. */
export function union(lists: readonly (readonly boolean[])[]): readonly boolean[] | undefined {
  const [first] = lists;
  return first?.map((_, i) => lists.some((list) => list[i]));
}

export const count = (list: readonly boolean[]): number => list.filter(Boolean).length;

/** How many the first list has that the second has not. */
export const without = (list: readonly boolean[], other: readonly boolean[]): number =>
  list.filter((b, i) => b && !other[i]).length;
