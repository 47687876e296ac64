/** `touchstone` with an FGSM that lies, for lying.test.ts: the lie by name, then the command line. */
import { attacks } from '../../src/eval/index.ts';
import { claiming, type LieName, lies, truth } from '../eval/lies.ts';

const [name] = process.argv.splice(2, 1);
attacks.fgsm.run = claiming(name === 'truth' ? truth : lies[name as LieName].tell);
await import('../../src/cli/main.ts');
