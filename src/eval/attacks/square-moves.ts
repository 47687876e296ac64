/** What one step of the Square attack changes: under L∞ the sign of a square, under L2 and L1 two bumps and a hollow. */
import type { Stream } from '../../random/index.ts';
import type { Images } from '../images.ts';
import { type BallProjection, l1BallProjection } from '../projections/index.ts';

/** Where a square of pixels is. */
interface Square {
  side: number;
  top: number;
  left: number;
}

/** The random search of one image. Its square is what the last trial replaced. */
export interface Search extends Square {
  /** Which image, and its radius. */
  readonly image: number;
  readonly radius: number;
  readonly random: Stream;
  /** Where its best image so far is in the batch; while a trial is asked about, that. */
  offset: number;
  /** Queries so far. */
  tried: number;
  /** Of the best image. */
  loss: number;
  /** The pixels that the last trial replaced. */
  readonly kept: Float32Array;
}

export interface SquareMoves {
  /** The smallest side of a square, and whether sides must be odd. */
  readonly sides: { readonly least: number; readonly odd: boolean };
  /** Writes the first image to ask about. */
  start(search: Search): void;
  /** Changes the best image at a random place. @returns whether that made any difference */
  propose(search: Search, side: number): boolean;
  /** Takes a proposal back. */
  undo(search: Search): void;
}

/** Channels, height and width of images. */
interface Frame {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly size: number;
}

function frameOf({ shape }: Images): Frame {
  const [, channels = 1, height = 1, width = 1] = shape;
  return { channels, height, width, size: channels * height * width };
}

/** Puts a square of some side anywhere, uniformly. */
function place(square: Square, side: number, { height, width }: Frame, random: Stream): void {
  square.side = side;
  square.top = random.integer(height - side + 1);
  square.left = random.integer(width - side + 1);
}

/** L∞: every pixel is at x − ε or x + ε, clipped to [0, 1]; a step sets the sign of each channel of a square. */
export class SignSquares implements SquareMoves {
  readonly sides = { least: 1, odd: false };
  readonly #clean: Float32Array;
  readonly #batch: Float32Array;
  readonly #frame: Frame;

  /** @param batch the images asked about, one row for each search */
  constructor(x: Images, batch: Float32Array) {
    this.#clean = x.data;
    this.#batch = batch;
    this.#frame = frameOf(x);
  }

  /** Vertical stripes, one pixel wide. */
  start({ image, offset, radius, random }: Search): void {
    const { channels, height, width, size } = this.#frame;
    for (let c = 0; c < channels; c++) {
      for (let column = 0; column < width; column++) {
        const shift = random.sign() * radius;
        for (let row = 0; row < height; row++) {
          const i = (c * height + row) * width + column;
          this.#batch[offset + i] = clip(this.#clean[image * size + i]! + shift);
        }
      }
    }
  }

  /** Alg. 2: ±2ε on a square, clipped to the ball, which is ±ε from the clean image. */
  propose(search: Search, side: number): boolean {
    place(search, side, this.#frame, search.random);
    const { channels, height, width, size } = this.#frame;
    const { image, offset, radius, random, kept, top, left } = search;
    const batch = this.#batch;
    const clean = this.#clean;
    let changed = false;
    let k = 0;
    for (let c = 0; c < channels; c++) {
      const shift = random.sign() * radius;
      for (let row = top; row < top + side; row++) {
        const from = (c * height + row) * width + left;
        for (let i = from; i < from + side; i++) {
          const old = batch[offset + i]!;
          kept[k++] = old;
          batch[offset + i] = clip(clean[image * size + i]! + shift);
          if (batch[offset + i] !== old) changed = true;
        }
      }
    }
    return changed;
  }

  undo({ offset, kept, top, left, side }: Search): void {
    const { channels, height, width } = this.#frame;
    let k = 0;
    for (let c = 0; c < channels; c++) {
      for (let row = top; row < top + side; row++) {
        const from = offset + (c * height + row) * width + left;
        for (let i = from; i < from + side; i++) this.#batch[i] = kept[k++]!;
      }
    }
  }
}

const clip = (v: number): number => (v < 0 ? 0 : Math.min(v, 1));

/** Keeps quotients finite. */
const TINY = 1e-12;
/** How much of an L1 radius is used: the projection's roundings fit into the rest. */
const WITHIN = 1 - 1e-6;
/** Tiles along the smaller side of the first image. */
const TILES = 5;

/**
 * L2 and L1. A step moves what two squares have of the perturbation's length, and what is unused, into the first of them: as
 * η, a bump of two signs, added to what is there (Alg. 3). In terms of masses, Σδ² or Σ|δ|, which add up.
 */
export class Bumps implements SquareMoves {
  readonly sides = { least: 3, odd: true };
  readonly #clean: Images;
  readonly #batch: Float32Array;
  readonly #frame: Frame;
  readonly #l2: boolean;
  readonly #onto: BallProjection;
  readonly #delta: Float64Array;
  /** The new content of a square. */
  readonly #content: Float64Array;
  /** The second of a step's squares. */
  readonly #hollow: Square = { side: 0, top: 0, left: 0 };
  readonly #bumps = new Map<number, Float64Array>();

  /** @param batch the images asked about, one row for each search */
  constructor(x: Images, batch: Float32Array, norm: 'l2' | 'l1') {
    this.#clean = x;
    this.#batch = batch;
    this.#frame = frameOf(x);
    this.#l2 = norm === 'l2';
    this.#onto = l1BallProjection(this.#frame.size);
    this.#delta = new Float64Array(this.#frame.size);
    this.#content = new Float64Array(this.#frame.size);
  }

  /** A grid of bumps. */
  start(search: Search): void {
    const { channels, height, width } = this.#frame;
    const { random } = search;
    const side = Math.max(1, Math.floor(Math.min(height, width) / TILES));
    const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)];
    this.#delta.fill(0);
    search.side = side;
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        search.top = ((height - rows * side) >> 1) + r * side;
        search.left = ((width - columns * side) >> 1) + c * side;
        const turned = random.sign() < 0;
        for (let channel = 0; channel < channels; channel++) {
          this.#content.fill(0, 0, side * side);
          this.#addBump(side, turned, random.sign());
          this.#fillSquare(channel, search, 1);
        }
      }
    }
    this.#write(search, massOf(this.#delta, this.#frame.size, this.#l2));
  }

  propose(search: Search, side: number): boolean {
    const { channels } = this.#frame;
    const { radius, random } = search;
    let mass = this.#read(search);
    const unused = Math.max(0, (this.#l2 ? radius * radius : radius) - mass);
    place(search, side, this.#frame, random);
    place(this.#hollow, side, this.#frame, random);
    const turned = random.sign() < 0;
    for (let c = 0; c < channels; c++) {
      const first = this.#empty(c, search, this.#content);
      const both = first + this.#empty(c, this.#hollow);
      const scale = 1 / (TINY + this.#length(first));
      for (let k = 0; k < side * side; k++) this.#content[k] = this.#content[k]! * scale;
      const now = this.#addBump(side, turned, random.sign());
      // Under L1, AutoAttack gives each channel as much as all have; the projection takes the excess.
      const wanted = this.#l2 ? unused / channels + both : unused + channels * both;
      this.#fillSquare(c, search, this.#length(wanted) / (TINY + this.#length(now)));
      mass += wanted - both;
    }
    this.#write(search, mass);
    return true;
  }

  undo({ offset, kept }: Search): void {
    this.#batch.set(kept, offset);
  }

  /** Keeps the best image, and finds its perturbation. @returns the perturbation's mass */
  #read({ image, offset, kept }: Search): number {
    const { size } = this.#frame;
    const delta = this.#delta;
    const clean = this.#clean.data;
    const from = image * size;
    kept.set(this.#batch.subarray(offset, offset + size));
    for (let i = 0; i < size; i++) delta[i] = kept[i]! - clean[from + i]!;
    return massOf(delta, size, this.#l2);
  }

  #length(mass: number): number {
    return this.#l2 ? Math.sqrt(mass) : mass;
  }

  /** Sets a square of the perturbation to 0. @returns the mass it had; its values in `into` */
  #empty(channel: number, { top, left, side }: Square, into?: Float64Array): number {
    const { height, width } = this.#frame;
    const delta = this.#delta;
    const l2 = this.#l2;
    let mass = 0;
    let k = 0;
    for (let row = top; row < top + side; row++) {
      const from = (channel * height + row) * width + left;
      for (let i = from; i < from + side; i++) {
        const d = delta[i]!;
        mass += l2 ? d * d : Math.abs(d);
        if (into) into[k++] = d;
        delta[i] = 0;
      }
    }
    return mass;
  }

  /** Adds η to the content. @returns the content's mass */
  #addBump(side: number, turned: boolean, sign: number): number {
    let bump = this.#bumps.get(side);
    if (!bump) {
      bump = bumpOf(side, this.#l2);
      this.#bumps.set(side, bump);
    }
    const content = this.#content;
    for (let r = 0, k = 0; r < side; r++)
      for (let c = 0; c < side; c++, k++) content[k] = content[k]! + sign * bump[turned ? c * side + r : k]!;
    return massOf(content, side * side, this.#l2);
  }

  #fillSquare(channel: number, { top, left, side }: Square, scale: number): void {
    const { height, width } = this.#frame;
    const delta = this.#delta;
    const content = this.#content;
    let k = 0;
    for (let row = top; row < top + side; row++) {
      const from = (channel * height + row) * width + left;
      for (let i = from; i < from + side; i++) delta[i] = content[k++]! * scale;
    }
  }

  /** x + δ: under L2 with δ as long as the radius, then clipped; under L1 projected. @param mass of δ */
  #write({ image, offset, radius }: Search, mass: number): void {
    const { size } = this.#frame;
    const { data } = this.#clean;
    const delta = this.#delta;
    const batch = this.#batch;
    const from = image * size;
    if (this.#l2) {
      const scale = radius / (TINY + Math.sqrt(mass));
      for (let i = 0; i < size; i++) batch[offset + i] = clip(data[from + i]! + delta[i]! * scale);
      return;
    }
    for (let i = 0; i < size; i++) batch[offset + i] = data[from + i]! + delta[i]!;
    this.#onto(batch.subarray(offset, offset + size), data.subarray(from, from + size), 0, radius * WITHIN);
  }
}

function massOf(values: Float64Array, count: number, l2: boolean): number {
  let sum = 0;
  if (l2) for (let i = 0; i < count; i++) sum += values[i]! * values[i]!;
  else for (let i = 0; i < count; i++) sum += Math.abs(values[i]!);
  return sum;
}

/**
 * η of a side: two halves of opposite sign and equal length, each highest in its middle, together of length 1. At distance
 * d (in king's moves) from the middle the height is Σ 1/k² for k from d + 1 to side/2 + 1; under L1 Σ 1/k⁴.
 */
export function bumpOf(side: number, l2: boolean): Float64Array {
  const bump = new Float64Array(side * side);
  const rows = side >> 1;
  // The length of the whole is 1 where that of each half is this; a side of 1 has one half only.
  const length = rows === 0 ? 1 : l2 ? Math.SQRT1_2 : 0.5;
  halfBump(bump.subarray(0, rows * side), side, l2, length);
  halfBump(bump.subarray(rows * side), side, l2, -length);
  return bump;
}

function halfBump(half: Float64Array, side: number, l2: boolean, length: number): void {
  const middle = [(half.length / side) >> 1, side >> 1] as const;
  let mass = 0;
  for (let i = 0; i < half.length; i++) {
    const distance = Math.max(Math.abs(Math.floor(i / side) - middle[0]), Math.abs((i % side) - middle[1]));
    let height = 0;
    for (let k = distance + 1; k <= middle[1] + 1; k++) height += k ** (l2 ? -2 : -4);
    half[i] = height;
    mass += l2 ? height * height : height;
  }
  const scale = length / (l2 ? Math.sqrt(mass) : mass);
  for (let i = 0; i < half.length; i++) half[i] = half[i]! * scale;
}
