import { gradientSuite, pathSuite } from './tensorflow-gradients.ts';

gradientSuite('js');
pathSuite('js');
