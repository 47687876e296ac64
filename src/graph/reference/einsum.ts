import { settled } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { stridesOf } from './strides.ts';

/** An equation's terms, one list of labels per operand and one for the result. `…` has been written out. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/** Reads `ij,jk->ik`. An ellipsis stands for axes aligned at their ends, which are labelled `.0` (the last), `.1`, … */
function parse(c: Call, inputs: readonly Dense[]): Equation {
  const equation = c.string('equation', '').replace(/\s+/g, '');
  const [left = '', right, ...more] = equation.split('->');
  const terms = left.split(',');
  const invalid = () =>
    c.misfit(`has equation "${equation}" for ${inputs.length} inputs`, 'one term for each');
  if (more.length > 0 || terms.length !== inputs.length) throw invalid();
  const labels = (term: string, hidden: number): string[] => {
    if (!/^[A-Za-z]*(\.\.\.[A-Za-z]*)?$/.test(term)) throw invalid();
    const dots = Array.from({ length: hidden }, (_, i) => `.${hidden - 1 - i}`);
    return [...term.replace('...', '.')].flatMap((l) => (l === '.' ? dots : [l]));
  };
  let ellipsis = 0;
  const operands = terms.map((term, i) => {
    const hidden = inputs[i]!.shape.length - term.replace('...', '').length;
    if (hidden < 0 || (hidden > 0 && !term.includes('...'))) throw invalid();
    ellipsis = Math.max(ellipsis, hidden);
    return labels(term, term.includes('...') ? hidden : 0);
  });
  if (right !== undefined) return { operands, result: labels(right, ellipsis) };
  // Without an arrow: what the ellipsis hides, then the labels that occur once, in alphabetical order.
  const letters = operands.flat().filter((l) => !l.startsWith('.'));
  const once = letters.filter((l) => letters.indexOf(l) === letters.lastIndexOf(l)).sort();
  return { operands, result: [...labels('...', ellipsis), ...once] };
}

/** result[labels] = Σ, over the labels that it lacks, of the product of the operands. */
export const Einsum: Kernel = (c) => {
  const inputs = c.inputs.map((_, i) => c.input(i));
  const { operands, result } = parse(c, inputs);
  const sizes = new Map<string, number>();
  for (const [i, labels] of operands.entries())
    for (const [a, label] of labels.entries()) {
      const d = inputs[i]!.shape[a]!;
      const so = sizes.get(label) ?? 1;
      if (so !== 1 && d !== 1 && so !== d) throw c.misfit(`has sizes ${so} and ${d} for "${label}"`, 'one');
      sizes.set(label, so === 1 ? d : so);
    }
  if (new Set(result).size !== result.length || result.some((l) => !sizes.has(l)))
    throw c.misfit(`has result "${result.join('')}"`, 'labels of its operands, each once');
  const order = [...result, ...[...sizes.keys()].filter((l) => !result.includes(l))];
  const shape = order.map((l) => sizes.get(l)!);
  const y = c.make(
    inputs[0]!.dtype,
    result.map((l) => sizes.get(l)!),
  );
  c.steps(elements(shape) * operands.length);
  // How far each operand moves when a label goes up by one: the sum, as a label may name two axes (a diagonal).
  const moves = operands.map((labels, i) => {
    const strides = stridesOf(inputs[i]!.shape);
    const move = (label: string) =>
      labels.reduce((sum, l, a) => sum + (l === label && inputs[i]!.shape[a] !== 1 ? strides[a]! : 0), 0);
    return order.map(move);
  });
  const inner = elements(shape.slice(result.length));
  const at = new Array<number>(operands.length).fill(0);
  const position = new Array<number>(order.length).fill(0);
  for (let o = 0; o < y.data.length; o++)
    for (let s = 0; s < inner; s++) {
      let value = 1;
      for (let i = 0; i < at.length; i++) value *= inputs[i]!.data[at[i]!]!;
      y.data[o]! += value;
      advance(position, shape, moves, at);
    }
  return [settled(y)];
};

/** The next position, row-major, and where the operands then are. */
function advance(
  position: number[],
  shape: readonly number[],
  moves: readonly (readonly number[])[],
  at: number[],
): void {
  for (let a = shape.length - 1; a >= 0; a--) {
    const wraps = position[a]! + 1 === shape[a];
    const steps = wraps ? -position[a]! : 1;
    for (let i = 0; i < at.length; i++) at[i]! += steps * moves[i]![a]!;
    position[a]! += steps;
    if (!wraps) return;
  }
}
