import { TouchstoneError } from '../../errors.ts';
import { integer, percent } from '../format.ts';
import { html, Markup } from '../markup.ts';
import { pngDataUri } from '../png.ts';

/** One image that an attack broke. */
export interface ReportExample {
  /** Row in the data set. */
  readonly index: number;
  readonly label: number;
  /** Class predicted for the clean image. */
  readonly predicted: number;
  readonly adversarialPredicted: number;
  /** Probability of the class predicted, [0, 1]. */
  readonly cleanConfidence?: number;
  readonly adversarialConfidence?: number;
  /** `[C, H, W]` in [0, 1]. */
  readonly clean: Float32Array;
  readonly adversarial: Float32Array;
  readonly shape: readonly [number, number, number];
}

/** At most this many are shown: the page stays small, and adversarial.npz has them all. */
const MOST = 24;

/** The change of an image, ten times as large, around mid-grey: [0, 1] where the change is at most ±0.1. */
export function magnifiedDifference(clean: Float32Array, adversarial: Float32Array): Float32Array {
  if (clean.length !== adversarial.length) {
    throw new TouchstoneError(
      'E_SHAPE',
      `an adversarial image of ${adversarial.length} values`,
      String(clean.length),
    );
  }
  return clean.map((value, i) => (1 + 10 * (adversarial[i]! - value)) / 2);
}

function exampleCard(example: ReportExample, nameOf: (label: number) => string): Markup {
  const { index, shape } = example;
  const sure = (confidence: number | undefined): string =>
    confidence === undefined ? '' : `, ${percent(confidence)}`;
  const difference = magnifiedDifference(example.clean, example.adversarial);
  // The data URI is markup: longer than text that is shown may be, and base64 needs no escaping.
  const picture = (pixels: Float32Array, alt: string, title: string, note: string): Markup =>
    html`<div><img src="${new Markup(pngDataUri(pixels, shape))}" alt="${alt}" width="${shape[2]}" height="${shape[1]}"><p><b>${title}</b><br>${note}</p></div>`;
  return html`<li><h3>Image ${integer(index)}, label ${nameOf(example.label)}</h3><div class="triple">${[
    picture(
      example.clean,
      `Clean image ${index}`,
      'clean',
      `read as ${nameOf(example.predicted)}${sure(example.cleanConfidence)}`,
    ),
    picture(
      example.adversarial,
      `Adversarial image ${index}`,
      'adversarial',
      `read as ${nameOf(example.adversarialPredicted)}${sure(example.adversarialConfidence)}`,
    ),
    picture(
      difference,
      `Difference of the two images ${index}, ten times as large`,
      'difference × 10',
      'grey: no change',
    ),
  ]}</div></li>
`;
}

/** The worst examples as images, or null when nothing was broken. */
export function examplesSection(
  examples: readonly ReportExample[],
  classNames: readonly string[] | undefined,
): Markup | null {
  if (examples.length === 0) return null;
  const nameOf = (label: number): string => {
    const name = classNames?.[label];
    return name === undefined || name === String(label) ? String(label) : `${name} (${label})`;
  };
  const shown = examples.slice(0, MOST);
  const more =
    examples.length > shown.length && ` The first ${MOST} of ${integer(examples.length)} are shown.`;
  return html`<section aria-labelledby="examples"><h2 id="examples">Worst examples</h2>
<p>Images that the model reads correctly, what an attack made of them, and the change between the two, magnified
ten times.${more}</p>
<ul class="examples">${shown.map((example) => exampleCard(example, nameOf))}</ul></section>`;
}
