import { describe } from 'vitest';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { engineConformance } from './conformance.ts';
import { memorySuite } from './tensorflow-memory.ts';

const engine = () => tensorflowEngine({ backend: 'js' });

engineConformance('tensorflow, on tfjs’s own kernels', engine);
describe('the tensorflow engine, on tfjs’s own kernels', () => memorySuite(engine));
