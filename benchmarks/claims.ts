/**
 * Each number of the papers' tables beside what was measured here, with a verdict.
 *
 *   node --import tsx benchmarks/claims.ts [--records benchmarks/records,runs/claims] [--record FILE.json] [--html FILE.html]
 */
import { parseList } from '../src/cli/numbers.ts';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic } from '../src/io/index.ts';
import { claimsReport } from './claims/report.ts';
import { claimsTable } from './claims/table.ts';
import { RECORDS } from './keep.ts';
import { readOptions } from './options.ts';

/** @throws E_OPTION for what it does not know; E_FILE, E_DATA for records */
async function main(argv: readonly string[]): Promise<void> {
  const { records, record: file, html } = readOptions(argv, ['records', 'record', 'html']);
  const folders = records === undefined ? [RECORDS] : parseList(records);
  if (folders.length === 0) throw new TouchstoneError('E_OPTION', `--records ${records}`, 'a folder');
  const report = await claimsReport(folders);
  const json = `${JSON.stringify(report, null, 1)}\n`;
  if (file !== undefined && file !== '-') await writeFileAtomic(file, json);
  if (html !== undefined) {
    const { renderClaims } = await import('./claims/page.ts');
    await writeFileAtomic(html, renderClaims(report));
  }
  process.stdout.write(file === '-' ? json : claimsTable(report));
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`error ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof TouchstoneError ? 2 : 1;
});
