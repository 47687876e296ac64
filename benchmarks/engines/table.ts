import { table } from 'table';
import type { EnginesRecord, Row } from './record.ts';

const HEADER = [
  'model, batch',
  'phase',
  'engine',
  'ms',
  'quartiles',
  'n',
  '#fwd',
  '#bwd',
  '÷ own forward',
  '÷ onnxruntime',
  '÷ PyTorch',
];

const ms = (n: number): string => n.toFixed(n < 10 ? 2 : 1);
const times = (ratio: number | null): string => ratio?.toFixed(2) ?? '';

/** The rows as people read them: a line per engine, a rule between models. */
export function enginesTable({ rows }: Pick<EnginesRecord, 'rows'>): string {
  const line = (r: Row) => [
    `${r.model}, ${r.batch}`,
    r.phase,
    r.device === 'cuda' ? `${r.engine} (cuda)` : r.engine,
    ms(r.median),
    r.quartiles.map(ms).join(' – '),
    r.n,
    r.forward,
    r.backward,
    times(r.overForward),
    times(r.overOnnxruntime),
    times(r.overPytorch),
  ];
  const opens = (i: number) => rows[i]?.model !== rows[i - 1]?.model || rows[i]?.phase !== rows[i - 1]?.phase;
  return table([HEADER, ...rows.map(line)], {
    columns: HEADER.map((_, c) => ({ alignment: c < 3 ? 'left' : 'right' })),
    drawHorizontalLine: (i, count) => i <= 1 || i === count || opens(i - 1),
  });
}
