/** Writes the schemas in `docs/schema`: `node --import tsx src/report/write-schema.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { comparisonJsonSchema } from './comparison/schema.ts';
import { resultJsonSchema } from './schema.ts';
import { sweepJsonSchema } from './sweep/schema.ts';
import { transferJsonSchema } from './transfer/schema.ts';

const folder = new URL('../../docs/schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('result-1.json', folder), resultJsonSchema());
writeFileSync(new URL('sweep-1.json', folder), sweepJsonSchema());
writeFileSync(new URL('transfer-1.json', folder), transferJsonSchema());
writeFileSync(new URL('comparison-1.json', folder), comparisonJsonSchema());
