/** `state.npz`: a snapshot as arrays that NumPy can open, too. */
import { z } from 'zod';
import { TouchstoneError } from '../errors.ts';
import { float32, type Tensor } from '../graph/index.ts';
import { decodeNpz, encodeNpz } from '../io/index.ts';
import { type EpochRecord, MEASURES, type Measure, type Snapshot } from '../train/index.ts';

const MEASURE_NAMES = Object.keys(MEASURES) as [Measure, ...Measure[]];

/** Everything but the arrays, as UTF-8 JSON in an array of bytes. JSON keeps every double exactly. */
const head = z.object({
  schema: z.literal('touchstone-state/2'),
  run: z.string(),
  cursor: z.object({
    epoch: z.int(),
    batch: z.int(),
    sums: z.object({
      n: z.number(),
      batches: z.number(),
      loss: z.number(),
      correct: z.number(),
      measures: z.partialRecord(z.enum(MEASURE_NAMES), z.object({ sum: z.number(), n: z.number() })),
      forwards: z.number(),
      backwards: z.number(),
      forwardPasses: z.number(),
      backwardPasses: z.number(),
      seconds: z.number(),
      gradientSeconds: z.number(),
      updateSeconds: z.number(),
    }),
  }),
  history: z.array(z.custom<EpochRecord>((value) => typeof value === 'object' && value !== null)),
  best: z.object({ epoch: z.int(), robustAccuracy: z.number().nullable(), why: z.string() }).nullable(),
  /** What the method remembers, but for its arrays. */
  method: z.record(z.string(), z.number()),
});

const GROUPS = ['parameters', 'velocities', 'best', 'method'] as const;

/** @param run SHA-256 of the run.json that the state belongs to */
export function encodeState(run: string, { state, cursor, history, best, method }: Snapshot): Uint8Array {
  const text: z.infer<typeof head> = {
    schema: 'touchstone-state/2',
    run,
    cursor: { ...cursor, sums: { ...cursor.sums } },
    history: [...history],
    best: best ? { epoch: best.epoch, robustAccuracy: best.robustAccuracy, why: best.why } : null,
    method: method.numbers,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(text));
  const arrays: Record<string, Tensor> = { cursor: { dtype: 'uint8', shape: [bytes.length], data: bytes } };
  const remembered = Object.entries(method.arrays).map(([name, data]) => [name, float32(data)] as const);
  const groups = {
    ...state,
    best: best?.parameters ?? new Map<string, Tensor>(),
    method: new Map<string, Tensor>(remembered),
  };
  for (const group of GROUPS) for (const [name, tensor] of groups[group]) arrays[`${group}/${name}`] = tensor;
  return encodeNpz(arrays);
}

/** @throws E_DATA for a file that is no state, or a damaged one */
export function decodeState(bytes: Uint8Array, where: string): { run: string; snapshot: Snapshot } {
  const arrays = decodeNpz(bytes, { where });
  const { run, cursor, history, best, method } = headOf(arrays.get('cursor')?.data, where);
  const group = (prefix: (typeof GROUPS)[number]): Map<string, Tensor<Float32Array>> =>
    new Map(
      [...arrays].flatMap(([name, { data, shape }]) =>
        name.startsWith(`${prefix}/`) && data instanceof Float32Array
          ? [[name.slice(prefix.length + 1), float32(data, shape)] as const]
          : [],
      ),
    );
  return {
    run,
    snapshot: {
      state: { parameters: group('parameters'), velocities: group('velocities') },
      cursor,
      history,
      ...(best && { best: { ...best, parameters: group('best') } }),
      method: {
        numbers: method,
        arrays: Object.fromEntries([...group('method')].map(([name, { data }]) => [name, data])),
      },
    },
  };
}

function headOf(data: unknown, where: string): z.infer<typeof head> {
  try {
    if (!(data instanceof Uint8Array)) throw new Error('no array "cursor"');
    return head.parse(JSON.parse(new TextDecoder().decode(data)));
  } catch (cause) {
    throw new TouchstoneError(
      'E_DATA',
      `${where} is not the state of a run`,
      'the file as it was written',
      'restore it, or start a new run',
      { cause },
    );
  }
}
