/** Writes `docs/schema/experiment-1.json`: `node --import tsx src/experiment/write-schema.ts`. */
import { writeFileSync } from 'node:fs';
import { experimentJsonSchema } from './schema.ts';

writeFileSync(new URL('../../docs/schema/experiment-1.json', import.meta.url), experimentJsonSchema());
