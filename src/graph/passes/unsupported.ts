import { TouchstoneError } from '../../errors.ts';
import type { Node } from '../ir.ts';
import { nodeLabel } from '../shapes/index.ts';

/** Why an operator cannot be taken over, and what to do, by what it is called. */
const REASONS: readonly (readonly [RegExp, expected: string, remedy: string])[] = [
  [
    /^(Loop|Scan)$/,
    'a graph without loops',
    'export the model with fixed sizes, so that its loops are unrolled',
  ],
  [
    /^(Sequence|ConcatFromSequence|SplitToSequence|Optional)/,
    'tensors only',
    'export the model with fixed sizes, without lists of tensors',
  ],
  [
    /^(String|RegexFullMatch|TfIdf|LabelEncoder)/,
    'numbers only',
    'cut the model behind its text or label processing',
  ],
  [/^(NonMaxSuppression|RoiAlign|MaxRoiPool)$/, 'a classifier', 'detectors are not supported'],
  [/^ImageDecoder$/, 'an image that is decoded already', 'cut the model behind its ImageDecoder'],
  [/^Constant$/, 'a dense tensor of numbers', 'export the model without sparse tensors and text'],
];

const DOMAINS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '': 'export the model with operators that ONNX classifiers use (src/graph/ops.ts lists those with a gradient)',
    'ai.onnx.ml': 'only neural networks have gradients here: attack the rest as a black box',
    'com.microsoft': 'use the model as it was before onnxruntime optimised or quantised it',
    'com.microsoft.nchwc': 'use the model as it was before onnxruntime optimised it',
  }),
);

/** The error for a node whose operator this toolkit does not know. */
export function whyUnsupported(node: Node): TouchstoneError {
  const found = node.domain === '' ? REASONS.find(([op]) => op.test(node.op)) : undefined;
  const remedy =
    DOMAINS.get(node.domain) ??
    `export the model without the custom operators of ${JSON.stringify(node.domain.slice(0, 80))}`;
  return new TouchstoneError(
    'E_UNSUPPORTED',
    `operator ${nodeLabel(node)}`,
    found?.[1] ?? 'an operator with a shape and a gradient rule (src/graph/ops.ts lists them)',
    found?.[2] ?? remedy,
  );
}
