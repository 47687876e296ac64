import { memorySuite } from '../train/memory.ts';

memorySuite('tensorflow');
