import { int64, intsOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import { product, sameDim } from '../dims.ts';
import type { Dim, Node } from '../ir.ts';
import type { TensorType } from '../shapes/index.ts';
import { cutsOf } from '../shapes/layout.ts';

/** Where operators take shapes, sizes and counts. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  ConstantOfShape: [0],
  Expand: [1],
  Range: [0, 1, 2],
  Reshape: [1],
  Resize: [3],
  Slice: [1, 2],
  Tile: [1],
};

/** More than this in an end of a Slice is the end of any axis. */
const TO_THE_END = 2 ** 62;

/**
 * Writes the shapes that a node computes from others' while it runs in the shortest form: a constant where only one size
 * is not known (Reshape's −1 and 0), else the sizes of the graph's inputs. Exporters spell them out in a dozen nodes each.
 */
export class ShapeInputs {
  readonly #b: GraphBuilder;
  /** Which input, and which of its axes, has a symbol's size. */
  readonly #sources = new Map<string, { readonly value: Value; readonly axis: number }>();
  readonly #made = new Map<string, Value>();
  /** Outputs of Shape nodes: short enough as they are. */
  readonly #measured = new Set<Value>();

  constructor(b: GraphBuilder) {
    this.#b = b;
  }

  /** Makes an input's symbols known. */
  source(value: Value): void {
    for (const [axis, d] of this.#b.shape(value).entries())
      if (typeof d === 'string' && !this.#sources.has(d)) this.#sources.set(d, { value, axis });
  }

  measured(value: Value): void {
    this.#measured.add(value);
  }

  /** The node with shorter shapes; itself where there is nothing to do. */
  shortened(node: Node, types: readonly TensorType[]): Node {
    const inputs = SHAPES[node.op];
    if (node.domain !== '' || !inputs) return node;
    if (node.op === 'Reshape') return this.#reshape(node, types[0]!.shape);
    if (node.op === 'Slice') return this.#all(this.#slice(node), inputs);
    if (node.op === 'Resize') return this.#resize(node);
    return this.#all(node, inputs);
  }

  #reshape(node: Node, out: readonly Dim[]): Node {
    if (this.#b.constantValue(node.inputs[1]!)) return node;
    const from = this.#b.shape(node.inputs[0]!);
    // A 0 would have to be told from one that keeps a size.
    if (out.includes(0)) return node;
    const kept = (d: Dim, i: number): boolean => typeof d !== 'number' && sameDim(d, from[i]);
    const open = out.flatMap((d, i) => (typeof d === 'number' || kept(d, i) ? [] : [i]));
    if (open.length > 1) return this.#all(node, [1]);
    const shape = out.map((d, i) => (typeof d === 'number' ? d : kept(d, i) ? 0 : -1));
    const attributes = new Map([...node.attributes].filter(([name]) => name !== 'allowzero'));
    return { ...node, inputs: [node.inputs[0]!, this.#b.ints(shape)], attributes };
  }

  /** Cuts that end where their axis does end far beyond it instead. */
  #slice(node: Node): Node {
    const from = this.#b.shape(node.inputs[0]!);
    const cuts = cutsOf(this.#b.context(node));
    const symbolic = (d: Dim): boolean => typeof d === 'string';
    if (!cuts.some(({ end }) => symbolic(end))) return node;
    if (!cuts.every(({ end, axis }) => typeof end === 'number' || sameDim(end, from[axis]))) return node;
    const ends = cuts.map(({ end }) => (typeof end === 'number' ? end : TO_THE_END));
    return { ...node, inputs: node.inputs.with(2, this.#b.ints(ends)) };
  }

  /** Sizes of all axes become sizes of those that change. */
  #resize(node: Node): Node {
    const sizes = node.inputs[3] ? this.#b.known(node.inputs[3]) : undefined;
    const from = this.#b.shape(node.inputs[0]!);
    if (!sizes?.some((d) => typeof d === 'string') || intsOf(node, 'axes') || sizes.length !== from.length)
      return node;
    const axes = sizes.flatMap((d, i) => (sameDim(d, from[i]) && typeof d === 'string' ? [] : [i]));
    const rest = axes.map((a) => sizes[a]!);
    if (!rest.every((d) => typeof d === 'number')) return this.#all(node, [3]);
    return {
      ...node,
      inputs: node.inputs.with(3, this.#b.ints(rest)),
      attributes: new Map(node.attributes).set('axes', { type: 'ints', value: axes }),
    };
  }

  /** The same node, its shapes made from the sizes of the graph's inputs. */
  #all(node: Node, at: readonly number[]): Node {
    let inputs = node.inputs;
    for (const i of at) {
      const value = node.inputs[i];
      if (!value || this.#measured.has(value)) continue;
      const dims = this.#b.known(value);
      if (this.#b.type(value).dtype !== 'int64' || !dims?.some((d) => typeof d === 'string')) continue;
      const made = this.#from(dims, this.#b.shape(value).length);
      if (made) inputs = inputs.with(i, made);
    }
    return inputs === node.inputs ? node : { ...node, inputs };
  }

  /** A scalar or vector of dimensions, computed from inputs' sizes; undefined where one cannot be. */
  #from(dims: readonly Dim[], rank: number): Value | undefined {
    const key = `${rank}:${dims.join(',')}`;
    const known = this.#made.get(key);
    if (known) return known;
    const parts: Value[] = [];
    let numbers: number[] = [];
    const flush = () => {
      if (numbers.length > 0) parts.push(this.#b.ints(numbers));
      numbers = [];
    };
    for (const d of dims) {
      if (typeof d === 'number') {
        numbers.push(d);
        continue;
      }
      const size = d === null ? undefined : this.#size(d);
      if (!size) return undefined;
      flush();
      parts.push(size);
    }
    flush();
    const vector = parts.length === 1 ? parts[0]! : this.#b.op('Concat', parts, { axis: 0 });
    const made = rank === 0 ? this.#b.op('Squeeze', [vector, this.#b.ints([0])]) : vector;
    this.#made.set(key, made);
    return made;
  }

  /** A vector of one symbolic size: `4*N` is a measured size times a number. */
  #size(dim: string): Value | undefined {
    let value: Value | undefined;
    let factor = 1;
    for (const part of this.#sources.has(dim) ? [dim] : dim.split('*')) {
      if (/^-?\d+$/.test(part)) {
        factor *= Number(part);
        continue;
      }
      const source = this.#sources.get(part);
      if (!source) return undefined;
      const measured = this.#measure(source.value, source.axis);
      value = value ? this.#b.op('Mul', [value, measured]) : measured;
    }
    // The arithmetic of dimensions has the last word on what was taken apart here.
    if (!value || product(this.#b.known(value) ?? [null]) === null) return undefined;
    return factor === 1 ? value : this.#b.op('Mul', [value, this.#b.constant(int64([factor]))]);
  }

  #measure(value: Value, axis: number): Value {
    const key = `${value}@${axis}`;
    const known = this.#made.get(key);
    if (known) return known;
    const made = this.#b.op('Shape', [value], { start: axis, end: axis + 1 });
    this.#made.set(key, made);
    return made;
  }
}
