import { briefSuite } from '../learning/brief.ts';

briefSuite('tensorflow');
