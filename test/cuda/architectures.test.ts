import { architectures } from '../../models/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { agreementSuite } from '../engine/agreement.ts';
import { device, models } from './device.ts';

const chosen = Object.values(architectures).filter(({ name }) => !models || models.includes(name));
const onTheCpu = () => onnxruntimeEngine({ device: 'cpu' });
const title = (name: string) => `${name} on ${device} agrees with onnxruntime on the CPU on`;

agreementSuite(title('onnxruntime'), () => onnxruntimeEngine({ device }), onTheCpu, chosen);
agreementSuite(title('tensorflow'), () => tensorflowEngine({ device }), onTheCpu, chosen);
