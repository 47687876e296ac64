/** HTML that is escaped by construction: text can only enter a page through {@link html}. */
import { printable } from './format.ts';

/** Markup that is known to be safe. */
export class Markup {
  readonly text: string;

  /** For markup made in this folder only; everything else goes through {@link html}. */
  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

type Content = Markup | string | number | null | undefined | false | readonly Content[];

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML, for content and quoted attributes; see {@link printable} for what else is made harmless. */
export const escapeHtml = (text: string): string =>
  printable(text, 4000).replace(/[&<>"']/g, (character) => entities[character] ?? '');

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(render).join('');
  return escapeHtml(String(content));
}

/** Template tag: values are escaped, unless they are Markup already; arrays are joined; null and false vanish. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(strings.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

/** JSON as the content of a `<script type="application/json">`: no `<`, so nothing in it can end the element, and no
 * character that would reorder the page's source. */
export function embeddedJson(value: unknown): Markup {
  const escaped = JSON.stringify(value).replace(
    /[<>&\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return new Markup(escaped);
}
