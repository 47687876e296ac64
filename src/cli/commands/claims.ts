import { defineCommand } from 'citty';
import { option, passedOptions, runScript } from '../script.ts';

export const command = defineCommand({
  meta: { name: 'claims', description: 'set each number of the papers beside what was measured here' },
  args: {
    records: option('folders of records and of audits (default benchmarks/records)', 'a,b'),
    json: option('write all of it as JSON to FILE (- is stdout)', 'FILE'),
    html: option('write the page to FILE', 'FILE'),
  },
  run: ({ args: { records, json, html } }) =>
    runScript('claims', passedOptions({ records, json, html }), 'claims'),
});
