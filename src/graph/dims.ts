import type { Dim } from './ir.ts';

/**
 * Arithmetic on dimensions. A symbolic dimension is a monomial, written `N`, `4*N` or `H*N`:
 * enough to follow a batch dimension through Flatten and Reshape. Symbols stand for positive integers.
 */

interface Monomial {
  readonly factor: number;
  readonly symbols: readonly string[];
}

/** More symbols than this in one product are as good as unknown: squaring again and again would never end. */
const MOST_SYMBOLS = 8;

/** A part of a monomial. What a file declares beyond names (`H+1`, say) is one symbol as a whole. */
const PART = /^(-?\d+|[^\s*+/()-][^\s*+/()]*)$/;

function parse(dim: number | string): Monomial {
  if (typeof dim === 'number') return { factor: dim, symbols: [] };
  const parts = dim.split('*');
  if (!parts.every((part) => PART.test(part))) return { factor: 1, symbols: [dim] };
  const symbols: string[] = [];
  let factor = 1;
  for (const part of parts) {
    if (/^-?\d+$/.test(part)) factor *= Number(part);
    else symbols.push(part);
  }
  return { factor, symbols };
}

function format({ factor, symbols }: Monomial): Dim {
  if (symbols.length > MOST_SYMBOLS || !(Math.abs(factor) <= Number.MAX_SAFE_INTEGER)) return null;
  if (symbols.length === 0 || factor === 0) return factor + 0;
  if (!Number.isInteger(factor)) return null;
  // Written into a product, `H+1` could not be told from what else a file may declare.
  if (symbols.some((symbol) => !PART.test(symbol)) && (symbols.length > 1 || factor !== 1)) return null;
  const sorted = [...symbols].sort();
  return factor === 1 ? sorted.join('*') : [factor, ...sorted].join('*');
}

/** The product of dimensions; null when any is unknown. */
export function product(dims: readonly Dim[]): Dim {
  let factor = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    if (dim === null) return null;
    const m = parse(dim);
    factor *= m.factor;
    symbols.push(...m.symbols);
    if (symbols.length > MOST_SYMBOLS) return null;
  }
  return format({ factor, symbols });
}

/** `numerator / denominator` where that is exact, else null. */
export function quotient(numerator: Dim, denominator: Dim): Dim {
  if (numerator === null || denominator === null) return null;
  const n = parse(numerator);
  const d = parse(denominator);
  if (d.factor === 0 || n.factor % d.factor !== 0) return null;
  const symbols = [...n.symbols];
  for (const symbol of d.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return null;
    symbols.splice(at, 1);
  }
  return format({ factor: n.factor / d.factor, symbols });
}

/** The sum of two dimensions: of numbers, or of multiples of the same symbols; else null. */
export function sum(a: Dim, b: Dim): Dim {
  if (a === null || b === null) return null;
  if (a === 0) return b;
  if (b === 0) return a;
  const [x, y] = [parse(a), parse(b)];
  if ([...x.symbols].sort().join('*') !== [...y.symbols].sort().join('*')) return null;
  return format({ factor: x.factor + y.factor, symbols: x.symbols });
}

/** −1, 0 or 1: the sign of a dimension, as symbols are positive; undefined where it is unknown. */
export const signOf = (dim: Dim): number | undefined =>
  dim === null ? undefined : Math.sign(parse(dim).factor);

/** The number of elements of a fully known shape; null when any dimension is symbolic or unknown. */
export function sizeOf(shape: readonly Dim[]): number | null {
  const size = product(shape);
  return typeof size === 'number' ? size : null;
}

/** Whether two dimensions are known to be the same. */
export const sameDim = (a: Dim | undefined, b: Dim | undefined): boolean =>
  a !== null && a !== undefined && a === b;

/** Whether two shapes are known to be the same. */
export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((d, i) => sameDim(d, b[i]));

/** Multidirectional broadcasting; a symbol against a number > 1 takes the number, as it must at run time. */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = i < rank - a.length ? 1 : a[i - (rank - a.length)]!;
    const y = i < rank - b.length ? 1 : b[i - (rank - b.length)]!;
    if (x === 1) out.push(y);
    else if (y === 1 || x === y) out.push(x);
    else if (typeof x === 'number' && typeof y === 'number') return undefined;
    else out.push(typeof x === 'number' ? x : typeof y === 'number' ? y : null);
  }
  return out;
}

/** `[N, 1, 28, 28]`, with `?` for unknown. */
export const formatShape = (shape: readonly Dim[] | undefined): string =>
  shape ? `[${shape.map((d) => d ?? '?').join(', ')}]` : '[unknown rank]';
