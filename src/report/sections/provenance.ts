import { epsilonText, integer, normText, secondsText } from '../format.ts';
import { embeddedJson, html, Markup } from '../markup.ts';
import type { Result } from '../schema.ts';

type Fact = [name: string, value: string | Markup];

const facts = (entries: readonly Fact[]): Markup =>
  html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

const hash = (text: string): Markup => html`<code class="hash">${text}</code>`;

/** An argument as a shell would need it. */
const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;

/** What produced the numbers: model, data, request, machine. */
export function provenanceSection(result: Result): Markup {
  const { tool, model, data, threat, environment: e } = result;
  const dims = model.inputShape.map((side) => side ?? 'N').join(' × ');
  const clip = threat.clip ? `pixels clipped to [${threat.clip.join(',\u00a0')}]` : 'pixels not clipped';
  return html`<section aria-labelledby="provenance"><h2 id="provenance">Provenance and environment</h2>
<div class="columns"><div><h3>Model</h3>${facts([
    ['file', model.path],
    ['SHA-256', hash(model.sha256)],
    ['size', `${integer(model.bytes)} bytes, ${integer(model.parameters)} parameters`],
    ['input', `${dims}, ${integer(model.classes)} classes, ${model.outputKind}`],
    ['ONNX', `opset ${model.opset}, written by ${model.producer || 'an unnamed producer'}`],
    ...Object.entries(model.metadata).map(
      // Our own entries lose their prefix: the column is narrow, and the heading says whose they are.
      ([name, value]): Fact => [
        name.replace(/^touchstone\./, ''),
        /^[0-9a-f]{32,}$/.test(value) ? hash(value) : value,
      ],
    ),
  ])}</div>
<div><h3>Data and request</h3>${facts([
    ['data', `${data.name}, ${data.split}`],
    ['images', `${integer(data.n)} of ${data.shape.join(' × ')}; attacked: ${integer(result.robust.n)}`],
    ['SHA-256', hash(data.sha256)],
    ['threat', `${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}, ${clip}`],
    ['seed', String(result.seed)],
    ['command', html`<code>${result.commandLine.map(quoted).join(' ')}</code>`],
    [
      'made',
      `${result.createdAt.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}, in ${secondsText(result.seconds)}`,
    ],
  ])}</div>
<div><h3>Environment</h3>${facts([
    [tool.name, tool.gitCommit ? html`${tool.version}, commit ${hash(tool.gitCommit)}` : tool.version],
    ['engine', `${e.engine} on ${e.device}, ${e.threads} thread${e.threads === 1 ? '' : 's'}`],
    ['machine', `${e.cpu}, ${e.cores} core${e.cores === 1 ? '' : 's'}, ${e.memoryGiB.toFixed(1)} GiB`],
    ['platform', e.platform],
    ['Node', e.node],
    ...(e.onnxruntime === null ? [] : [['onnxruntime', e.onnxruntime] satisfies Fact]),
    ...Object.entries(e.packages),
  ])}</div></div></section>`;
}

/** The result itself, for programs, and for people as a download that needs no network and no script. */
export function rawSection(result: Result): Markup {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  // encodeURIComponent leaves only ' of what HTML would mind; the link is longer than shown text may be.
  const href = new Markup(
    `data:application/json;charset=utf-8,${encodeURIComponent(text).replaceAll("'", '%27')}`,
  );
  return html`<section aria-labelledby="raw"><h2 id="raw">The result as data</h2>
<p>This page is a view of <code>result.json</code> (${result.schema}), which it also holds:
<a download="result.json" href="${href}">save result.json</a>.</p>
<script type="application/json" id="result">${embeddedJson(result)}</script></section>`;
}
