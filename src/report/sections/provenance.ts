import { epsilonText, integer, machinesText, normText, secondsText } from '../format.ts';
import { embeddedJson, html, Markup } from '../markup.ts';
import type { Result } from '../schema.ts';

export type Fact = [name: string, value: string | Markup];

const facts = (entries: readonly Fact[]): Markup =>
  html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

const hash = (text: string): Markup => html`<code class="hash">${text}</code>`;

/** An argument as a shell would need it. */
const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;

export function modelFacts(model: Result['model']): Fact[] {
  const dims = model.inputShape.map((side) => side ?? 'N').join(' × ');
  return [
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
  ];
}

/** What was asked for. */
export interface Request extends Pick<Result, 'data' | 'seed' | 'commandLine' | 'createdAt' | 'seconds'> {
  readonly attacked: number;
  readonly threat: string;
}

export function requestFacts({
  data,
  seed,
  commandLine,
  createdAt,
  seconds,
  attacked,
  threat,
}: Request): Fact[] {
  return [
    ['data', `${data.name}, ${data.split}`],
    ['images', `${integer(data.n)} of ${data.shape.join(' × ')}; attacked: ${integer(attacked)}`],
    ['SHA-256', hash(data.sha256)],
    ['threat', threat],
    ['seed', String(seed)],
    ['command', html`<code>${commandLine.map(quoted).join(' ')}</code>`],
    ['made', `${createdAt.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC')}, in ${secondsText(seconds)}`],
  ];
}

type Where = Pick<Result, 'tool' | 'environment'> & Partial<Pick<Result, 'machines'>>;

export function environmentFacts({ tool, environment: e, machines }: Where): Fact[] {
  return [
    ...(machines ? [['made by', machinesText(machines)] satisfies Fact] : []),
    [tool.name, tool.gitCommit ? html`${tool.version}, commit ${hash(tool.gitCommit)}` : tool.version],
    ['engine', `${e.engine} on ${e.device}, ${e.threads} thread${e.threads === 1 ? '' : 's'}`],
    ['machine', `${e.cpu}, ${e.cores} core${e.cores === 1 ? '' : 's'}, ${e.memoryGiB.toFixed(1)} GiB`],
    ['platform', e.platform],
    ['Node', e.node],
    ...(e.onnxruntime === null ? [] : [['onnxruntime', e.onnxruntime] satisfies Fact]),
    ...Object.entries(e.packages),
  ];
}

/** The heading and the columns of what produced the numbers. */
export const provenance = (
  columns: readonly (readonly [heading: string, facts: readonly Fact[]])[],
): Markup =>
  html`<section aria-labelledby="provenance"><h2 id="provenance">Provenance and environment</h2>
<div class="columns">${columns.map(
    ([heading, list]) => html`<div><h3>${heading}</h3>${facts(list)}</div>
`,
  )}</div></section>`;

/** What produced the numbers: model, data, request, machine. */
export function provenanceSection(result: Result): Markup {
  const { model, threat } = result;
  const clip = threat.clip ? `pixels clipped to [${threat.clip.join(',\u00a0')}]` : 'pixels not clipped';
  const request = {
    ...result,
    attacked: result.robust.n,
    threat: `${normText(threat.norm)}, ε = ${epsilonText(threat.epsilon)}, ${clip}`,
  };
  return provenance([
    ['Model', modelFacts(model)],
    ['Data and request', requestFacts(request)],
    ['Environment', environmentFacts(result)],
  ]);
}

/**
 * The result itself, for programs, and for people as a download that needs no network and no script.
 *
 * @param file the name it is saved under
 */
export function rawSection(result: { readonly schema: string }, file: string): Markup {
  const text = `${JSON.stringify(result, null, 2)}\n`;
  // encodeURIComponent leaves only ' of what HTML would mind; the link is longer than shown text may be.
  const href = new Markup(
    `data:application/json;charset=utf-8,${encodeURIComponent(text).replaceAll("'", '%27')}`,
  );
  return html`<section aria-labelledby="raw"><h2 id="raw">The result as data</h2>
<p>This page is a view of <code>${file}</code> (${result.schema}), which it also holds:
<a download="${file}" href="${href}">save ${file}</a>.</p>
<script type="application/json" id="result">${embeddedJson(result)}</script></section>`;
}
