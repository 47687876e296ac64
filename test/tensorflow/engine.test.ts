import { describe } from 'vitest';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { engineConformance } from '../engine/conformance.ts';
import { memorySuite } from '../engine/tensorflow-memory.ts';

const engine = () => tensorflowEngine({ device: 'cpu' });

engineConformance('tensorflow', engine);
describe('the tensorflow engine', () => memorySuite(engine));
