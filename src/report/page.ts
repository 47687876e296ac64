/** A page of ours: one file, no network, no JavaScript. */
import { html, Markup } from './markup.ts';
import { style } from './style.css.ts';

export interface Page {
  readonly title: string;
  /** What kind of page it is. */
  readonly kicker: string;
  readonly heading: string;
  /** What it is about, in a line. */
  readonly subject: Markup;
  readonly sections: readonly (Markup | null)[];
  /** Styles of this page alone. */
  readonly styles?: string;
}

/** Nothing may be loaded or run: only the styles and images inside this file. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** Text is escaped; sections are markup already. */
export function renderPage({ title, kicker, heading, subject, sections, styles = '' }: Page): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(`${style}${styles}`)}</style>
</head>
<body>
<main>
<header>
<p class="kicker">${kicker}</p>
<h1>${heading}</h1>
<p class="subject">${subject}</p>
</header>
${sections.map(
  (section) => html`${section}
`,
)}</main>
</body>
</html>
`;
  return page.text;
}
