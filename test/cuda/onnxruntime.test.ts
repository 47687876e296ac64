import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { engineConformance } from '../engine/conformance.ts';
import { device } from './device.ts';

engineConformance(`onnxruntime on ${device}`, () => onnxruntimeEngine({ device }));
