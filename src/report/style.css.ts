/** The style of the report: paper and ink, system fonts. Dark on dark screens only; print is always light. */
export const style = `
:root {
  --paper: #fdfcf9; --ink: #1f2023; --muted: #63656a; --rule: #d9d6ce; --wash: #f3f1eb;
  --series-1: #1b5e7b; --series-2: #b4541a; --series-3: #5d7a2a; --series-4: #7a4a86;
  --pale: #b9cfd8; --pass: #2f6b3c; --warn: #8a5a00; --fail: #a3262a;
  --serif: Charter, 'Bitstream Charter', 'Iowan Old Style', 'Sitka Text', Cambria, Georgia, 'Liberation Serif', serif;
  --sans: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif;
  --mono: ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --paper: #17191b; --ink: #e6e3dc; --muted: #a3a29d; --rule: #3a3d40; --wash: #202325;
    --series-1: #7cc0dc; --series-2: #e89b62; --series-3: #a9c873; --series-4: #c79bd4;
    --pale: #35535f; --pass: #86c795; --warn: #e2b25a; --fail: #f0908d;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.55 var(--serif); overflow-wrap: anywhere;
}
main { max-width: 61rem; margin: 0 auto; padding: 3.5rem 1.5rem 4rem; }
header { margin-bottom: 2rem; }
section { margin-top: 3.5rem; }
#headline { margin-top: 0; }
h1 { font-size: 2.5rem; line-height: 1.15; font-weight: 600; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 1.45rem; line-height: 1.25; font-weight: 600; margin: 0 0 1rem; padding-top: 0.7rem; border-top: 1px solid var(--ink); }
h3 { font-size: 1rem; font-weight: 600; margin: 0; }
p { margin: 0 0 1rem; max-width: 44rem; }
a { color: var(--series-1); text-underline-offset: 0.15em; }
code { font-family: var(--mono); font-size: 0.82em; }
em { font-style: italic; }
.kicker { font: 600 0.8rem/1.4 var(--sans); letter-spacing: 0.04em; color: var(--muted); margin: 0 0 0.4rem; }
.subject { color: var(--muted); margin: 0.5rem 0 0; }
.note, caption, figcaption, .legend { font: 0.82rem/1.45 var(--sans); color: var(--muted); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

.lead { font-size: 1.45rem; line-height: 1.4; max-width: 46rem; margin-bottom: 2rem; }
.figures { display: grid; grid-template-columns: 1fr 1.2fr 1fr; margin: 0 0 1.5rem; border-top: 1px solid var(--ink); border-bottom: 1px solid var(--rule); }
.figures > div { padding: 0.9rem 1.25rem 1.1rem; border-left: 1px solid var(--rule); }
.figures > div:first-child { padding-left: 0; border-left: 0; }
.figures dt { font: 600 0.85rem/1.4 var(--sans); }
.figures dd { margin: 0; font: 0.82rem/1.5 var(--sans); color: var(--muted); }
.figures .big { font: 400 3.4rem/1.25 var(--serif); color: var(--ink); letter-spacing: -0.02em; }
.figures .big small { font-size: 0.45em; letter-spacing: 0; }
.figures .word { font-size: 2rem; line-height: 4.25rem; letter-spacing: -0.01em; overflow-wrap: normal; }
.figures .robust .big { color: var(--series-1); } .figures .robust.fail .big { color: var(--fail); }
.pass { --tone: var(--pass); } .warn { --tone: var(--warn); } .fail { --tone: var(--fail); }
.figures .word { color: var(--tone); }
.badge { font: 600 0.82rem/1.4 var(--sans); color: var(--tone); white-space: nowrap; }
.trust { border-left: 3px solid var(--tone); padding: 0.15rem 0 0.15rem 0.9rem; max-width: 46rem; }
.trust .badge { margin-right: 0.3rem; }

figure { margin: 0; min-width: 0; }
figure svg.plot { display: block; width: 100%; height: auto; color: var(--ink); overflow: visible; font-family: var(--sans); font-variant-numeric: tabular-nums; }
figcaption { margin-top: 0.35rem; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem 2.5rem; align-items: start; }
.pair.wide-left { grid-template-columns: 1.35fr 1fr; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1.2rem; margin: 0.35rem 0 0; padding: 0; color: var(--ink); }
.legend svg { margin-right: 0.5rem; vertical-align: middle; }

table { border-collapse: collapse; width: 100%; font: 0.9rem/1.45 var(--sans); font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 0 0 0.6rem; max-width: 44rem; }
th, td { text-align: right; font-weight: 400; vertical-align: top; padding: 0.4rem 0 0.4rem 1.1rem; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; }
thead th { color: var(--muted); font-size: 0.82rem; border-bottom-color: var(--ink); vertical-align: bottom; white-space: nowrap; }
td { overflow-wrap: normal; white-space: nowrap; }
.text, .stack th:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.stack th .note { display: block; }
.stack tbody th { font-weight: 600; } .stack tbody th .note, .stack tfoot th .note { font-weight: 400; }
tfoot th, tfoot td { border-top: 1px solid var(--ink); border-bottom: 0; font-weight: 600; }
.numbers { font-size: 0.86rem; } .numbers th, .numbers td { padding-top: 0.28rem; padding-bottom: 0.28rem; }
.scroll { overflow-x: auto; }
.grid th:first-child { white-space: nowrap; } .grid thead th.name, .grid th.name { white-space: normal; min-width: 5rem; overflow-wrap: anywhere; }
.grid td.shade { background: linear-gradient(var(--wash), var(--wash)) left bottom / var(--share) 100% no-repeat; padding-right: 0.3rem; }
.grid td.own { font-weight: 600; }
.bar { display: block; width: 8rem; height: 4px; margin: 0.3rem 0 0.15rem auto; background: var(--wash); }
.bar > span { display: block; height: 100%; background: var(--series-1); }

.checks { list-style: none; margin: 1.5rem 0 0; padding: 0; display: grid; grid-template-columns: 1fr 1fr; column-gap: 2.5rem; }
.checks > li { display: grid; grid-template-columns: 4.2rem 1fr; padding: 0.8rem 0; border-top: 1px solid var(--rule); }
.checks > .fail, .checks > .warn { grid-column: 1 / -1; }
.checks p { font-size: 0.95rem; line-height: 1.45; margin: 0.15rem 0 0; }
.checks .note { font-size: 0.82rem; }
.pairs { display: inline-block; margin-right: 0.9rem; } .whole { white-space: nowrap; } .pairs b { font-weight: 600; color: var(--ink); font-variant-numeric: tabular-nums; }

.examples { list-style: none; margin: 1.5rem 0 0; padding: 0; display: grid; grid-template-columns: 1fr 1fr; gap: 1.8rem 2.5rem; }
.examples h3 { font: 600 0.85rem/1.4 var(--sans); margin-bottom: 0.4rem; }
.triple { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.7rem; }
.triple img { display: block; width: 100%; height: auto; image-rendering: pixelated; border: 1px solid var(--rule); }
.triple p { font: 0.8rem/1.4 var(--sans); color: var(--muted); margin: 0.35rem 0 0; } .triple b { font-weight: 600; color: var(--ink); }

.classes th.text span { display: inline-block; }
.classes th.text, .classes td { vertical-align: middle; }
.classes .bars { width: 100%; }
.track { position: relative; display: block; height: 0.85rem; background: var(--wash); }
.track span { position: absolute; left: 0; top: 0; bottom: 0; }
.track .clean { background: var(--pale); } .track .robust { background: var(--series-1); }

details { margin-top: 1.5rem; } summary { cursor: pointer; font: 600 0.9rem var(--sans); margin-bottom: 0.6rem; }
.epochs { margin-top: 2rem; }
.facts { margin: 0; font: 0.84rem/1.45 var(--sans); }
.facts > div { display: grid; grid-template-columns: 7.5rem 1fr; gap: 0.8rem; padding: 0.28rem 0; border-bottom: 1px solid var(--rule); }
.facts dt { color: var(--muted); } .facts dd { margin: 0; min-width: 0; }
#training ~ .facts { margin-top: 2rem; columns: 2; column-gap: 2.5rem; } #training ~ .facts > div { break-inside: avoid; }
.columns { columns: 2; column-gap: 2.5rem; } .columns > div { break-inside: avoid; padding-bottom: 1.8rem; } .columns h3 { margin-bottom: 0.4rem; }
.hash { color: var(--muted); word-break: break-all; }

@media (max-width: 46rem) {
  body { font-size: 16px; }
  main { padding: 2rem 1.25rem 3rem; }
  section { margin-top: 2.75rem; }
  h1 { font-size: 1.9rem; }
  .lead { font-size: 1.2rem; margin-bottom: 1.5rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  .figures > div { padding: 0.8rem 0.5rem 0.9rem 1rem; }
  .figures > div:first-child { padding-left: 0; }
  .figures > div:last-child { grid-column: 1 / -1; border-left: 0; border-top: 1px solid var(--rule); padding-left: 0; }
  .figures .big { font-size: 2.5rem; } .figures .word { font-size: 1.7rem; line-height: 1.5; }
  .pair, .pair.wide-left, .checks, .examples { grid-template-columns: 1fr; }
  .checks > li { grid-template-columns: 3.8rem 1fr; }
  .triple { gap: 0.5rem; }
  .extra, .classes .count { display: none; }
  th, td { padding-left: 0.7rem; }
  #training ~ .facts, .columns { columns: 1; }
  .stack, .stack tbody, .stack tfoot, .stack caption { display: block; }
  .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stack tr { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 0.45rem 0.5rem; padding: 0.75rem 0; border-bottom: 1px solid var(--rule); }
  .stack tbody tr:first-child { border-top: 1px solid var(--ink); }
  .stack tfoot tr { border-top: 1px solid var(--ink); border-bottom: 0; margin-top: -1px; }
  .stack th, .stack td { border: 0; padding: 0; text-align: left; }
  .stack th:first-child { grid-column: 1 / span 3; }
  .stack td { font-size: 0.85rem; }
  .stack td[data-label='']{ display: none; }
  .stack td::before { content: attr(data-label); display: block; color: var(--muted); font-size: 0.75rem; font-weight: 400; }
  .stack .accuracy { grid-column: 4; }
  .stack .bar { width: 100%; margin: 0.25rem 0 0; }
}
@media print {
  @page { margin: 16mm 15mm; }
  :root { font-size: 12.5px; }
  body { font-size: 1.05rem; }
  main { max-width: none; padding: 0; }
  section { margin-top: 1.8rem; }
  h2, h3, caption, .legend, #examples + p { break-after: avoid; }
  section[aria-labelledby='raw'] { display: none; }
  figure, tr, .checks > li, .examples > li, .figures, .facts > div { break-inside: avoid; }
  thead { display: table-header-group; } tfoot { display: table-row-group; }
  .bar, .bar > span, .track, .track span, .triple img, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  a { color: inherit; }
  .scroll { overflow: visible; }
}
`;
