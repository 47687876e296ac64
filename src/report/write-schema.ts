/** Writes `docs/schema/result-1.json`: `node --import tsx src/report/write-schema.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { resultJsonSchema } from './schema.ts';

const file = new URL('../../docs/schema/result-1.json', import.meta.url);
mkdirSync(new URL('.', file), { recursive: true });
writeFileSync(file, resultJsonSchema());
