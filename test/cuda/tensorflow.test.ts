import { describe } from 'vitest';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { engineConformance } from '../engine/conformance.ts';
import { memorySuite } from '../engine/tensorflow-memory.ts';
import { device } from './device.ts';

const engine = () => tensorflowEngine({ device });

engineConformance(`tensorflow on ${device}`, engine);
describe(`the tensorflow engine on ${device}`, () => memorySuite(engine));
