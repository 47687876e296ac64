import { TouchstoneError } from '../errors.ts';
import { type Dim, formatShape } from '../graph/index.ts';
import type { Values } from './engine.ts';

/** An input as an engine declares it: a dimension that is a name (or null) is any size. */
export interface DeclaredInput {
  readonly name: string;
  readonly shape: readonly Dim[];
}

/**
 * Checks shapes before an engine does: a dimension of one name has one size in all feeds.
 *
 * @throws E_SHAPE where a feed is missing or does not fit its input
 */
export function checkFeeds(inputs: readonly DeclaredInput[], feeds: Values): void {
  const symbols = new Map<string, number>();
  for (const { name, shape } of inputs) {
    const feed = feeds[name];
    const expected = shape.map((d) => (typeof d === 'string' ? (symbols.get(d) ?? d) : d));
    const problem = (got: string) =>
      new TouchstoneError('E_SHAPE', `input ${name} ${got}`, formatShape(expected));
    if (!feed) throw problem('is missing');
    const fits = expected.every((d, i) => typeof d !== 'number' || d === feed.shape[i]);
    if (feed.shape.length !== expected.length || !fits) throw problem(`of shape ${formatShape(feed.shape)}`);
    if (feed.data.length !== feed.shape.reduce((a, b) => a * b, 1))
      throw problem(`of shape ${formatShape(feed.shape)} with ${feed.data.length} elements`);
    for (const [i, d] of expected.entries())
      if (typeof d === 'string' && d !== '') symbols.set(d, feed.shape[i]!);
  }
}
