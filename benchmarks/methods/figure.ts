/** Robust accuracy against what it cost: a point per method, with its name beside it. */
import * as Plot from '@observablehq/plot';
import { FIGURE, plotSvg } from '../../src/report/figures/plot.ts';
import { percent } from '../../src/report/format.ts';
import { html, type Markup } from '../../src/report/markup.ts';
import type { Row } from './record.ts';

export interface Point {
  readonly name: string;
  readonly x: number;
  /** A share. */
  readonly y: number;
}

/** In units of the figure, which is higher than others are: names need lines. */
const HEIGHT = 360;
const MARGINS = { marginTop: 30, marginLeft: 46, marginRight: 18, marginBottom: 42 } as const;
const FONT = 11;
/** Of a letter, and of a line. */
const [LETTER, LINE] = [0.58 * FONT, FONT + 1];
/** From a point to its name, and half of a point. */
const [GAP, DOT] = [7, 4];

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** A name, in the figure's units: its box's anchor, on the point's right or left. */
export interface Label {
  readonly x: number;
  readonly y: number;
  readonly side: 'start' | 'end';
}

/**
 * Where names go: beside their points, moved up or down by as many half lines as it takes to be free of other names and points.
 *
 * @param points in the figure's units
 * @param frame what names must stay in
 */
export function placeLabels(points: readonly Point[], frame: Box): Label[] {
  const taken: Box[] = points.map(({ x, y }) => ({
    left: x - DOT,
    right: x + DOT,
    top: y - DOT,
    bottom: y + DOT,
  }));
  const inside = (b: Box) => b.top >= frame.top && b.bottom <= frame.bottom;
  return points.map(({ name, x, y }) => {
    const width = LETTER * name.length;
    const side = x + GAP + width <= frame.right ? 'start' : 'end';
    const left = side === 'start' ? x + GAP : x - GAP - width;
    const boxAt = (centre: number): Box => ({
      left,
      right: left + width,
      top: centre - LINE / 2,
      bottom: centre + LINE / 2,
    });
    const shifts = Array.from({ length: 80 }, (_, i) => (((i + 1) >> 1) * LINE * (i % 2 ? -1 : 1)) / 2);
    const free = shifts
      .map((shift) => boxAt(y + shift))
      .find((box) => inside(box) && !taken.some((other) => overlap(box, other)));
    const box = free ?? boxAt(y);
    taken.push(box);
    return { x: side === 'start' ? left : left + width, y: (box.top + box.bottom) / 2, side };
  });
}

interface Axis {
  readonly id: string;
  readonly label: string;
  readonly caption: string;
  of(row: Row): number | null;
}

const AXES: readonly Axis[] = [
  {
    id: 'passes',
    label: 'backward passes, millions of images',
    caption: 'the backward passes of its training',
    of: ({ backwards }) => backwards && backwards / 1e6,
  },
  {
    id: 'seconds',
    label: 'seconds of training',
    caption: 'the time of its training',
    of: ({ steadySeconds }) => steadySeconds,
  },
];

interface Domain {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** Methods that are less than half as robust as the best would press the others together. */
function shown(points: readonly Point[]): { points: Point[]; below: Point[] } {
  const best = Math.max(...points.map((p) => p.y));
  const isShown = (p: Point) => p.y >= best / 2;
  return { points: points.filter(isShown), below: points.filter((p) => !isShown(p)) };
}

function figure(rows: readonly Row[], { id, label, caption, of }: Axis): Markup | null {
  const all = rows.flatMap((row) => {
    const x = of(row);
    return x === null || !row.robust ? [] : [{ name: row.method, x, y: row.robust['pgd-100'] }];
  });
  if (all.length === 0) return null;
  const { points, below } = shown(all);
  const ys = points.map((p) => p.y);
  const room = Math.max(0.01, 0.08 * (Math.max(...ys) - Math.min(...ys)));
  const domain: Domain = {
    x: [0, 1.05 * Math.max(...points.map((p) => p.x))],
    y: [Math.max(0, Math.min(...ys) - room), Math.min(1, Math.max(...ys) + room)],
  };
  const svg = drawn(`Accuracy under PGD-100 against ${caption}`, label, points, domain);
  const rest = below.map((p) => `${p.name} (${percent(p.y)})`).join(', ');
  return html`<figure id="figure-${id}">${svg}<figcaption>Accuracy under PGD-100 of each method against ${caption}.${
    rest !== '' && ` Below the figure: ${rest}.`
  }</figcaption></figure>`;
}

/** What names must stay in. */
const FRAME: Box = {
  left: MARGINS.marginLeft,
  right: FIGURE.width - MARGINS.marginRight,
  top: MARGINS.marginTop,
  bottom: HEIGHT - MARGINS.marginBottom,
};

/** From data to the figure's units, and back. */
function scales({ x: [x0, x1], y: [y0, y1] }: Domain) {
  const { left, right, top, bottom } = FRAME;
  const [perX, perY] = [(right - left) / (x1 - x0), (bottom - top) / (y1 - y0)];
  return {
    to: (p: Point): Point => ({ name: p.name, x: left + (p.x - x0) * perX, y: bottom - (p.y - y0) * perY }),
    back: <L extends Label>(l: L): L => ({
      ...l,
      x: x0 + (l.x - left) / perX,
      y: y0 + (bottom - l.y) / perY,
    }),
  };
}

/** Each name where it is to be written, in the units of the data. */
function namesOf(points: readonly Point[], domain: Domain) {
  const { to, back } = scales(domain);
  const drawn = points.map(to);
  return placeLabels(drawn, FRAME).map((label, i) => {
    const { name, x, y } = points[i]!;
    return back({ ...label, name, atX: x, atY: y, isMoved: Math.abs(label.y - drawn[i]!.y) > LINE / 2 });
  });
}

function drawn(title: string, xLabel: string, points: readonly Point[], domain: Domain): Markup {
  const names = namesOf(points, domain);
  const text = (side: Label['side']) =>
    Plot.text(
      names.filter((name) => name.side === side),
      { x: 'x', y: 'y', text: 'name', textAnchor: side, fontSize: FONT, fill: 'var(--ink)' },
    );
  const moved = names.filter(({ isMoved }) => isMoved);
  const line = { x1: 'atX', y1: 'atY', x2: 'x', y2: 'y', stroke: 'var(--muted)', strokeWidth: 0.7 };
  return plotSvg(title, {
    ...MARGINS,
    height: HEIGHT,
    x: { label: xLabel, domain: domain.x, ticks: 5 },
    y: {
      label: 'correct under PGD-100, %',
      percent: true,
      domain: domain.y.map((share) => 100 * share),
      ticks: 5,
      grid: true,
    },
    marks: [
      Plot.link(moved, line),
      Plot.dot(points, { x: 'x', y: 'y', r: DOT, fill: 'var(--series-1)' }),
      text('start'),
      text('end'),
    ],
  });
}

/** Both figures, side by side; nothing where no method was attacked yet. */
export function costFigures(rows: readonly Row[]): Markup | null {
  const figures = AXES.flatMap((axis) => figure(rows, axis) ?? []);
  return figures.length === 0 ? null : html`<div class="pair">${figures}</div>`;
}
