import { briefSuite } from '../learning/brief.ts';

briefSuite('onnxruntime');
