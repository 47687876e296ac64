import fc from 'fast-check';
import { int64 } from '../../../src/graph/index.ts';
import { any, apart, labels } from '../check.ts';
import {
  axisOf,
  flag,
  type Generators,
  int,
  list,
  type Sample,
  type Shape,
  shapeOf,
  sizeAt,
} from './sample.ts';

/** Rows by a constant or computed index: runs, permutations and repetitions. */
const gather: fc.Arbitrary<Sample> = shapeOf(1, 3).chain((shape) =>
  fc
    .tuple(axisOf(shape.length), fc.boolean(), fc.array(int(1, 3), { maxLength: 2 }))
    .chain(([axis, fed, rows]) => {
      const dynamic = shape.at(axis) === 'N';
      const size = sizeAt(shape, axis);
      const count = rows.reduce((a, b) => a * b, 1);
      const computed = fed || dynamic;
      return list(int(dynamic ? 0 : -size, size - 1), count).map((index) => ({
        label: `Gather ${computed ? 'by an input' : index} [${rows}] on ${axis} of [${shape}]`,
        inputs: {
          x: any(...shape),
          ...(computed && { i: { ...labels(size, ...rows), from: dynamic ? 0 : -size } }),
        },
        y: (b) => b.op('Gather', ['x', computed ? 'i' : b.constant(int64(index, rows))], { axis }),
      }));
    }),
);

const gatherElements: fc.Arbitrary<Sample> = fc
  .tuple(list(int(1, 3), 3), int(0, 2), int(1, 4), fc.boolean())
  .map(([dims, axis, picks, fed]) => {
    const shape = dims.map((d, i) => (i === axis ? picks : d));
    const count = shape.reduce((a, c) => a * c, 1);
    const index = Array.from({ length: count }, (_, i) => (i % (2 * dims[axis]!)) - dims[axis]!);
    const spec = { ...labels(dims[axis]!, ...shape), from: -dims[axis]! };
    return {
      label: `GatherElements [${shape}] on ${axis} of [${dims}]`,
      inputs: { x: any(...dims), ...(fed && { i: spec }) },
      y: (b) => b.op('GatherElements', ['x', fed ? 'i' : b.constant(int64(index, shape))], { axis }),
    };
  });

const gatherND: fc.Arbitrary<Sample> = fc
  .tuple(
    list(int(1, 3), 3),
    int(0, 1),
    fc.array(int(1, 3), { maxLength: 2 }),
    fc.boolean(),
    fc.boolean(),
    fc.nat(),
  )
  .chain(([dims, batch, rows, fed, dynamic, seed]) =>
    int(1, 3 - batch).map((depth) => {
      const lead: Shape = batch ? [dynamic ? 'N' : dims[0]!] : [];
      const shape: Shape = batch && dynamic ? ['N', ...dims.slice(1)] : dims;
      const largest = Math.min(...dims.slice(batch, batch + depth));
      const index: Shape = [...lead, ...rows, depth];
      const computed = fed || lead.includes('N');
      const sizes = index.map((d) => d as number);
      const count = sizes.reduce((a, b) => a * b, 1);
      const values = Array.from(
        { length: computed ? 0 : count },
        (_, i) => ((seed + i * 7) % (2 * largest)) - largest,
      );
      return {
        label: `GatherND [${index}] of [${shape}], batch_dims ${batch}`,
        inputs: {
          x: any(...shape),
          ...(computed && { i: { ...labels(largest, ...index), from: -largest } }),
        },
        y: (b) =>
          b.op('GatherND', ['x', computed ? 'i' : b.constant(int64(values, sizes))], { batch_dims: batch }),
      };
    }),
  );

/** Positions all different, as replacing asks for, or any where updates are added. */
const scatterElements: fc.Arbitrary<Sample> = fc
  .tuple(list(int(1, 3), 3), int(0, 2), fc.boolean(), fc.boolean())
  .map(([dims, axis, add, negative]) => {
    const size = dims[axis]!;
    const count = dims.reduce((a, b) => a * b, 1);
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const turned = Array.from({ length: count }, (_, i) => {
      const at = (Math.floor(i / inner) + 1) % size;
      return add ? at % Math.max(1, size - 1) : negative ? at - size : at;
    });
    return {
      label: `ScatterElements on ${axis} of [${dims}]${add ? ', added' : ''}`,
      inputs: { x: any(...dims), u: any(...dims) },
      y: (b) =>
        b.op('ScatterElements', ['x', b.constant(int64(turned, dims)), 'u'], {
          axis,
          ...(add && { reduction: 'add' }),
        }),
    };
  });

const scatterND: fc.Arbitrary<Sample> = fc
  .tuple(list(int(2, 3), 3), int(1, 3), fc.boolean(), fc.boolean())
  .map(([dims, depth, add, fed]) => {
    const rest = dims.slice(depth);
    // Along the diagonal: no two tuples are the same. Added, the first comes twice.
    const tuples = [...(add ? [0] : []), 0, 1].map((i) => new Array<number>(depth).fill(i));
    const index = int64(tuples.flat(), [tuples.length, depth]);
    return {
      label: `ScatterND ${tuples.length} of depth ${depth} in [${dims}]${add ? ', added' : ''}`,
      inputs: { x: any(...dims), u: any(tuples.length, ...rest) },
      y: (b) => {
        const at = fed ? b.op('Add', [b.constant(index), b.constant(int64([0], []))]) : b.constant(index);
        return b.op('ScatterND', ['x', at, 'u'], add ? { reduction: 'add' } : {});
      },
    };
  });

const topK: fc.Arbitrary<Sample> = shapeOf(1, 3).chain((shape) =>
  axisOf(shape.length).chain((axis) =>
    fc.tuple(int(1, sizeAt(shape, axis)), flag).map(([k, largest]) => ({
      label: `TopK ${k} of [${shape}] on ${axis}, largest ${largest}`,
      inputs: { x: apart(...shape) },
      y: (b) => b.ops('TopK', ['x', b.ints([k])], { axis, largest }, 2)[0]!,
    })),
  ),
);

export const gathers: Generators = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TopK: topK,
};
