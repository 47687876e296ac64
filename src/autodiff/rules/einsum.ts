import { type Node, stringOf } from '../../graph/index.ts';
import { type Rule, refuse, type Tape } from '../tape.ts';

interface Equation {
  /** One letter per axis. */
  readonly terms: readonly string[];
  readonly output: string;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The equation with letters of its own in place of ellipses, and the output that numpy's rule implies where none is given. */
function equationOf(t: Tape, node: Node): Equation {
  const text = stringOf(node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = text.split('->') as [string, string?];
  const terms = left.split(',');
  const spare = [...LETTERS].filter((c) => !text.includes(c));
  const ranks = terms.map((term, i) => t.shape(node.inputs[i]!).length - term.replace('...', '').length);
  const most = Math.max(0, ...ranks.filter((_, i) => terms[i]!.includes('...')));
  if (terms.length !== node.inputs.length || most > spare.length)
    throw refuse(node, `has the equation "${text}"`, 'write one term per input');
  // An ellipsis stands for the last axes of the longest one.
  const dots = (rank: number) => spare.slice(most - rank, most).join('');
  const named = terms.map((term, i) => term.replace('...', dots(ranks[i]!)));
  const once = (c: string) => named.join('').split(c).length === 2;
  const implied = dots(most) + [...new Set(left.replace(/[^A-Za-z]/g, ''))].filter(once).sort().join('');
  const output = right === undefined ? implied : right.replace('...', dots(most));
  for (const [i, term] of [...named, output].entries()) {
    const rank = t.shape(i < named.length ? node.inputs[i]! : node.outputs[0]!).length;
    if (new Set(term).size !== term.length)
      throw refuse(node, `takes a diagonal ("${term}")`, 'write it with Mul and ReduceSum');
    if (/[^A-Za-z]/.test(term) || term.length !== rank)
      throw refuse(node, `has the equation "${text}"`, 'write one letter per axis');
  }
  return { terms: named, output };
}

/** y = Σ a·b·…: d = Σ g·(the others), over the axes that the input does not have; what it alone has is spread. */
export const Einsum: Rule = (t, node, [g]) => {
  const { terms, output } = equationOf(t, node);
  return node.inputs.map((x, i) => {
    if (!t.needs(node, i)) return undefined;
    const others = terms.flatMap((term, j) => (j === i ? [] : [term]));
    const known = [...terms[i]!].filter((c) => [output, ...others].some((term) => term.includes(c))).join('');
    const equation = `${[output, ...others].join(',')}->${known}`;
    const product = t.b.op('Einsum', [g!, ...node.inputs.filter((_, j) => j !== i)], { equation });
    const missing = [...terms[i]!].flatMap((c, at) => (known.includes(c) ? [] : [at]));
    const whole = missing.length ? t.b.op('Unsqueeze', [product, t.b.ints(missing)]) : product;
    // An axis that only x has, or that is 1 in all the others.
    const narrow = t.shape(whole).flatMap((d, at) => (d === 1 && t.shape(x)[at] !== 1 ? [at] : []));
    return t.unbroadcast(t.expandLike(whole, x, narrow), x);
  });
};
