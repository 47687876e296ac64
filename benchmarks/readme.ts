/**
 * Writes README's first table anew, from the record of a demo.
 *
 *   npm run demo && npm run readme -- runs/demo/result.json    makes that demo the record
 *   npm run readme                                             from the latest record of a demo
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseResult } from '../src/report/index.ts';
import { folderName, latestRecord, RECORD_FILE, RECORDS } from './keep.ts';
import { withTable } from './readme/table.ts';

const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const resultIn = (path: string) => parseResult(JSON.parse(readFileSync(path, 'utf8')));
const [made] = process.argv.slice(2);
if (made) {
  const folder = folderName('demo', new Date(resultIn(made).createdAt));
  cpSync(made, join(RECORDS, folder, RECORD_FILE));
}
writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), resultIn(latestRecord('demo'))));
