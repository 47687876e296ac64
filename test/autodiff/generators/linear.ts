import fc from 'fast-check';
import { float } from '../../../src/graph/index.ts';
import { any, type Spec } from '../check.ts';
import { flag, type Generators, int, list, type Sample, type Shape } from './sample.ts';

const gemm: fc.Arbitrary<Sample> = fc
  .tuple(int(1, 3), int(1, 4), int(1, 4), flag, flag, fc.boolean(), fc.boolean(), int(0, 6))
  .map(([m, k, n, transA, transB, dynamic, scaled, form]) => {
    const rows = dynamic ? 'N' : m;
    const c = ([undefined, [], [1], [n], [1, n], [rows, 1], [rows, n]] as (Shape | undefined)[])[form];
    const static_ = !c?.includes('N');
    const terms = c && { c: any(...c) };
    return {
      label: `Gemm transA ${transA} transB ${transB} C [${c}]`,
      inputs: { a: transA ? any(k, rows) : any(rows, k), ...(!static_ && terms) },
      weights: { w: transB ? any(n, k) : any(k, n), ...(static_ && terms) },
      y: (b) =>
        b.op('Gemm', c ? ['a', 'w', 'c'] : ['a', 'w'], {
          transA,
          transB,
          ...(scaled && { alpha: float(0.7), beta: float(-1.3) }),
        }),
    };
  });

/** Batch axes that broadcast, and vectors on either side. */
const matmul: fc.Arbitrary<Sample> = fc
  .tuple(
    list(int(1, 3), 3),
    list(int(1, 3), 2),
    int(0, 2),
    int(0, 2),
    list(fc.boolean(), 4),
    int(0, 5),
    fc.boolean(),
  )
  .map(([[m, k, n], batch, dropA, dropB, narrow, form, dynamic]) => {
    const lead = (drop: number, at: number) =>
      batch.slice(drop).map((d, i) => (narrow[at + drop + i] ? 1 : d));
    const a: Shape = form === 4 ? [k!] : [...lead(dropA, 0), m!, k!];
    const w: Shape = form === 5 || form === 4 ? [k!] : [...lead(dropB, 2), k!, n!];
    const left: Shape = dynamic && a.length > w.length ? ['N', ...a.slice(1)] : a;
    return {
      label: `MatMul [${left}] [${w}]`,
      inputs: { a: any(...left) },
      weights: { w: any(...w) },
      y: (b) => b.op('MatMul', ['a', 'w']),
    };
  });

const EQUATIONS: readonly (readonly [equation: string, ...shapes: string[]])[] = [
  ['ij,jk->ik', 'ij', 'jk'],
  ['ij,jk', 'ij', 'jk'],
  ['bij,bjk->bik', 'bij', 'bjk'],
  ['bhqd,bhkd->bhqk', 'bhqd', 'bhkd'],
  ['bnhd,bmhd->bhnm', 'bnhd', 'bmhd'],
  ['ij->ji', 'ij'],
  ['ij->i', 'ij'],
  ['ij->', 'ij'],
  ['ba', 'ba'],
  ['i,i->', 'i', 'i'],
  ['i,j->ij', 'i', 'j'],
  ['ij,ik->jk', 'ij', 'ik'],
  ['ijk,jl->il', 'ijk', 'jl'],
  ['ij,jk,kl->il', 'ij', 'jk', 'kl'],
  ['...ij,...jk->...ik', 'xyij', 'xyjk'],
  ['...ij,...jk->...ik', 'xyij', 'yjk'],
  ['...i->...', 'xyi'],
  ['b...,b->...b', 'bxy', 'b'],
  ['bij, bj -> bi', 'bij', 'bj'],
];
const einsum: fc.Arbitrary<Sample> = fc
  .tuple(fc.constantFrom(...EQUATIONS), list(int(1, 3), 26), fc.boolean())
  .map(([[equation, ...shapes], sizes, dynamic]) => {
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const first = shapes[0]![0]!;
    const size = (c: string) => (dynamic && c === first ? 'N' : sizes[letters.indexOf(c)]!);
    const names = shapes.map((_, i) => `x${i}`);
    const inputs: Record<string, Spec> = Object.fromEntries(
      shapes.map((s, i) => [names[i]!, any(...[...s].map(size))]),
    );
    return {
      label: `Einsum ${equation} ${JSON.stringify(inputs)}`,
      inputs,
      y: (b) => b.op('Einsum', names, { equation }),
    };
  });

export const linear: Generators = { Einsum: einsum, Gemm: gemm, MatMul: matmul };
