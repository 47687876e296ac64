/** Records that can be compared with another of their kind, by what they call faster. */
import type { z } from 'zod';
import { TITLES } from '../attacks/bouts.ts';
import { attacksRecord } from '../attacks/record.ts';
import { enginesRecord } from '../engines/record.ts';
import { fasterOf, type Ratio, ratioOf } from '../ratio.ts';

/** One comparison that a record holds the samples of. */
export interface Call {
  /** What was done, and by whom: the same in both records. */
  readonly row: string;
  readonly ratio: Ratio;
  readonly faster: string | null;
}

export interface Compared {
  /** What must be the same in both records, else rows of one name are not of one thing. */
  readonly subject: Readonly<Record<string, string>>;
  readonly calls: readonly Call[];
}

/** A kind of record, and how it is read. @throws ZodError where it is not one */
type Kind = (record: unknown) => Compared;

const kind =
  <S extends z.ZodType>(schema: S, of: (record: z.infer<S>) => Compared): Kind =>
  (record) =>
    of(schema.parse(record));

/** Times of one and of a yardstick, in the same rounds. */
function call(row: string, one: Timed, yardstick: Timed): Call {
  const ratio = ratioOf(one.samples, yardstick.samples);
  const faster = fasterOf(ratio);
  return { row, ratio, faster: faster && (faster === 'over' ? one.name : yardstick.name) };
}

interface Timed {
  readonly name: string;
  readonly samples: readonly number[];
}

const attacks = kind(attacksRecord, ({ rows, model, data, epsilon, batch, threads }) => {
  const measured = rows.flatMap((r) => (r.state === 'measured' ? [r] : []));
  const timed = (r: (typeof measured)[number]): Timed => ({
    name: TITLES[r.tool],
    samples: r.samples.seconds,
  });
  return {
    subject: {
      model: model.sha256,
      data: `${data.sha256}, ${data.n} images`,
      epsilon: String(epsilon.linf),
      batch: String(batch),
      threads: String(threads),
    },
    calls: measured
      .filter((r) => r.tool !== 'touchstone')
      .flatMap((r) => {
        const ours = measured.find((other) => other.tool === 'touchstone' && other.attack === r.attack);
        return ours ? [call(`${r.attack}: ${TITLES[r.tool]} ÷ touchstone`, timed(r), timed(ours))] : [];
      }),
  };
});

const engines = kind(enginesRecord, ({ rows, threads, tf32 }) => {
  type Row = (typeof rows)[number];
  const timed = ({ engine: name, samples }: Row): Timed => ({ name, samples });
  const subjectOf = (r: Row) => `${r.model}, ${r.batch} images, ${r.phase}, ${r.device}`;
  return {
    subject: { threads: String(threads), tf32: String(tf32) },
    calls: rows
      .filter((r) => r.engine !== 'onnxruntime')
      .flatMap((r) => {
        const ours = rows.find(
          (other) => other.engine === 'onnxruntime' && subjectOf(other) === subjectOf(r),
        );
        return ours ? [call(`${subjectOf(r)}: ${r.engine} ÷ onnxruntime`, timed(r), timed(ours))] : [];
      }),
  };
});

/** By the name in a record's `benchmark`. */
export const kinds = { attacks, engines } as const satisfies Record<string, Kind>;
