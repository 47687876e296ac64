import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { engineConformance } from './conformance.ts';

engineConformance('tensorflow, on tfjs’s own kernels', () => tensorflowEngine({ backend: 'js' }));
