/**
 * Writes README's first table anew, from the record of a demo.
 *
 *   npm run demo && npm run readme -- runs/demo/result.json    makes that demo the record
 *   npm run readme                                             from the record as it is
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseResult } from '../src/report/index.ts';
import { withTable } from './readme/table.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const [record, readme] = [at('records/demo.json'), at('../README.md')];
const [made] = process.argv.slice(2);
if (made) copyFileSync(made, record);
const result = parseResult(JSON.parse(readFileSync(record, 'utf8')));
writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), result));
