import { gradientSuite, pathSuite } from '../engine/tensorflow-gradients.ts';
import { forwardSuite } from '../engine/tensorflow-values.ts';

gradientSuite('native');
pathSuite('native');
forwardSuite('native');
