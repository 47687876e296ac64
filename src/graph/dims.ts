import type { Dim } from './ir.ts';

/**
 * Arithmetic on dimensions. A symbolic dimension is a monomial, written `N`, `4*N` or `N*H`:
 * enough to follow a batch dimension through Flatten and Reshape.
 */

interface Monomial {
  readonly factor: number;
  readonly symbols: readonly string[];
}

function parse(dim: number | string): Monomial {
  if (typeof dim === 'number') return { factor: dim, symbols: [] };
  const symbols: string[] = [];
  let factor = 1;
  for (const part of dim.split('*')) {
    if (/^\d+$/.test(part)) factor *= Number(part);
    else symbols.push(part);
  }
  return { factor, symbols };
}

function format({ factor, symbols }: Monomial): number | string {
  if (symbols.length === 0 || factor === 0) return factor;
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

/** The number of elements of a fully known shape; null when any dimension is symbolic or unknown. */
export function sizeOf(shape: readonly Dim[]): number | null {
  const size = product(shape);
  return typeof size === 'number' ? size : null;
}

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
