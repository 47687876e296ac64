import { memorySuite } from './memory.ts';

memorySuite('onnxruntime');
