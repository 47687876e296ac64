import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { engineConformance } from '../engine/conformance.ts';

engineConformance('tensorflow', () => tensorflowEngine({ device: 'cpu' }));
