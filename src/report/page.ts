import { html, Markup } from './markup.ts';
import { style } from './style.css.ts';

/** Nothing may be loaded or run: only the styles and images inside this file. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/**
 * A page in one file, no network, no JavaScript.
 *
 * @param content what is in `main`
 * @param more styles of this page alone
 */
export const page = (title: string, content: Markup, more = ''): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(`${style}${more}`)}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`.text;
