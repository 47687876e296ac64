import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { agreementSuite } from '../engine/agreement.ts';

const device = 'cpu';
agreementSuite(
  'tensorflow agrees with onnxruntime on',
  () => tensorflowEngine({ device }),
  () => onnxruntimeEngine({ device }),
);
