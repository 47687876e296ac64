import { forwardSuite } from './tensorflow-values.ts';

forwardSuite('js');
