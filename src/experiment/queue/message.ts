/** What the queue carries: data, checked when it comes out, whoever put it in. */
import { z } from 'zod';
import { TouchstoneError } from '../../errors.ts';
import { printable } from '../../report/format.ts';
import { hash, type Job, jobSchema, jobVersion } from '../jobs.ts';

const line = z.string().max(300);
const common = { schema: z.literal('touchstone-queue/1'), experiment: line };

const titled = z.strictObject({ title: line, job: z.unknown() });

/** A job to be done. */
const work = z.strictObject({ ...common, type: z.literal('work'), ...titled.shape });

/** Audits that are put into the queue, shards and all, once the job that they need is done: a job has one parent in a flow. */
const release = z.strictObject({
  ...common,
  type: z.literal('release'),
  need: hash,
  merges: z.array(titled).max(10_000),
});

const message = z.discriminatedUnion('type', [work, release]);

export type WorkMessage = Omit<z.infer<typeof work>, 'job'> & { readonly job: Job };
export type ReleaseMessage = Omit<z.infer<typeof release>, 'merges'> & {
  readonly merges: readonly { readonly title: string; readonly job: Job }[];
};
export type Message = WorkMessage | ReleaseMessage;

/** Characters of a job's payload; a release has many. */
const MOST = { work: 2 ** 16, release: 2 ** 23 };

/**
 * @param data as the queue has it
 * @throws E_OPTION where it is no message of ours, or too large
 */
export function checkMessage(data: unknown): Message {
  const type = isObject(data) && data.type === 'release' ? 'release' : 'work';
  const { length } = JSON.stringify(data) ?? '';
  if (length > MOST[type])
    throw new TouchstoneError('E_OPTION', `a payload of ${length} characters`, `at most ${MOST[type]}`);
  const parsed = message.safeParse(data);
  if (!parsed.success) throw noMessage('no payload of ours', parsed.error);
  if (parsed.data.type === 'work') return { ...parsed.data, job: checkJob(parsed.data.job) };
  const merges = parsed.data.merges.map(({ title, job }) => ({ title, job: checkJob(job) }));
  return { ...parsed.data, merges };
}

/** @throws E_OPTION where it is no job, or another version's */
function checkJob(data: unknown): Job {
  const version = isObject(data) ? data.version : undefined;
  if (typeof version === 'string' && version !== jobVersion())
    throw new TouchstoneError(
      'E_OPTION',
      `a job of touchstone ${printable(version, 80)}`,
      `${jobVersion()}, as this worker is`,
      'start a worker of that version',
    );
  const parsed = jobSchema.safeParse(data);
  if (!parsed.success) throw noMessage('no job', parsed.error);
  return parsed.data;
}

const isObject = (data: unknown): data is Readonly<Record<string, unknown>> =>
  typeof data === 'object' && data !== null;

function noMessage(what: string, { issues: [issue] }: z.ZodError): TouchstoneError {
  const where = issue?.path.map(String).join('.') || 'its top';
  return new TouchstoneError('E_OPTION', `${what}: ${printable(`${where}: ${issue?.message}`, 200)}`);
}

/** What a job is, for people; a payload's own words are not trusted to be printable. */
export function titleOf({ title, job }: { readonly title: string; readonly job: Job }): string {
  const part = job.kind === 'shard' ? ` ${job.index}/${job.of}` : '';
  return `${job.kind}${part} of ${printable(title, 120)}`;
}
