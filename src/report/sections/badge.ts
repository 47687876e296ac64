import { html, type Markup } from '../markup.ts';
import type { Verdict } from '../schema.ts';

const signs: Record<Verdict, string> = { pass: '✓', warn: '!', fail: '✕' };

/** A verdict as a sign and a word: not told by colour alone. */
export const badge = (verdict: Verdict): Markup =>
  html`<span class="badge ${verdict}"><span aria-hidden="true">${signs[verdict]}</span> ${verdict}</span>`;
