import { create, fromBinary } from '@bufbuild/protobuf';
import { type ModelProto, ModelProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';
import type { Model } from '../ir.ts';
import { validateModel } from '../validate.ts';
import { keepUnknown, leftover, malformed, own, quote, readEntries, toSafeNumber } from './fields.ts';
import { normalDomain, readGraph } from './graph.ts';
import { DEFAULT_LIMITS, type ReadLimits } from './limits.ts';
import { sortGraph } from './order.ts';
import { scanModel } from './scan.ts';
import { type ExternalData, settleTensors } from './tensors.ts';

export interface ReadOptions {
  /** Where external data comes from; without it, a model that has some is refused. The bytes become the model's. */
  readonly externalData?: ExternalData;
  readonly limits?: Partial<ReadLimits>;
}

/**
 * Reads an ONNX model. Nodes out of order are sorted (onnxruntime takes them, too); anything else that ONNX
 * forbids is refused, and bytes from a stranger cost no more than the limits say.
 *
 * @param bytes an .onnx file's
 * @throws E_ONNX for bytes that are no valid model, E_UNSUPPORTED for element types newer than this toolkit.
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  refuseOthers(bytes, limits);
  scanModel(bytes, limits);
  const proto = parse(bytes);
  settleTensors(proto, options.externalData, limits);
  const model = toModel(proto);
  validateModel(model);
  return model;
}

/** What people hand over instead of a model, by how it begins. */
const OTHERS: readonly (readonly [begins: string, what: string, remedy: string])[] = [
  ['version https://git-lfs', 'a Git LFS pointer', 'fetch the file itself with git lfs pull'],
  [
    'PK\u0003\u0004',
    'a zip archive (a PyTorch .pt, or a packed model)',
    'export it with torch.onnx.export, or unpack it',
  ],
  ['\u0089PNG', 'a PNG image', 'pass the .onnx file'],
  ['\u00ff\u00d8\u00ff', 'a JPEG image', 'pass the .onnx file'],
  ['\u0089HDF', 'an HDF5 file (Keras)', 'convert it with tf2onnx'],
  ['\u0093NUMPY', 'a NumPy array', 'pass the .onnx file'],
  ['\u001f\u008b', 'a gzip file', 'unpack it'],
  ['ORTM', 'an onnxruntime .ort file', 'pass the .onnx file it was made from'],
  ['<', 'text (HTML or XML)', 'download the file itself, not its page'],
  ['{', 'text (JSON)', 'pass the .onnx file'],
];

function refuseOthers(bytes: Uint8Array, limits: ReadLimits): void {
  if (bytes.length === 0) throw malformed('an empty file', 'an ONNX model', 'copy or export it again');
  if (bytes.length > limits.fileBytes)
    throw malformed(
      `a file of ${bytes.length} bytes`,
      `at most ${limits.fileBytes}`,
      'keep the weights as external data',
    );
  const begin = String.fromCharCode(...bytes.subarray(0, 32));
  // `ORTM` stands after a four-byte offset.
  const other = OTHERS.find(
    ([magic]) => begin.startsWith(magic) || (magic === 'ORTM' && begin.startsWith(magic, 4)),
  );
  if (other) throw malformed(other[1], 'an ONNX model', other[2]);
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TouchstoneError('E_ONNX', `bytes that do not decode: ${reason}`, 'an ONNX model', undefined, {
      cause,
    });
  }
}

function toModel(proto: ModelProto): Model {
  if (!proto.graph)
    throw malformed('bytes without a graph in them', 'an ONNX model', 'is this an .onnx file?');
  const irVersion = own(proto, 'irVersion');
  if (!irVersion || irVersion < 0n) throw malformed('a model without an IR version', 'ir_version ≥ 1');
  const strings = {
    producerName: own(proto, 'producerName'),
    producerVersion: own(proto, 'producerVersion'),
    domain: own(proto, 'domain'),
    doc: own(proto, 'docString'),
  };
  const modelVersion = own(proto, 'modelVersion');
  const exact = modelVersion !== undefined && Number.isSafeInteger(Number(modelVersion));
  const extra = extraOf(proto, exact ? undefined : modelVersion);
  return {
    graph: sortGraph(readGraph(proto.graph)),
    irVersion: toSafeNumber(irVersion, 'ir_version'),
    opsets: readOpsets(proto),
    ...definedOf(strings),
    ...(exact && { modelVersion: Number(modelVersion) }),
    metadata: readEntries(proto.metadataProps, 'a model'),
    ...(extra && { extra }),
  };
}

function definedOf<K extends string>(values: Record<K, string | undefined>): { [P in K]?: string } {
  const defined: { [P in K]?: string } = {};
  for (const key in values) if (values[key] !== undefined) defined[key] = values[key];
  return defined;
}

/** A model version beyond 2^53 (a hash, say) stays here, where it is exact. */
function extraOf(proto: ModelProto, modelVersion: bigint | undefined): Uint8Array | undefined {
  const { trainingInfo, functions, configuration } = proto;
  const extra = keepUnknown(create(ModelProtoSchema, { trainingInfo, functions, configuration }), proto);
  if (modelVersion !== undefined) extra.modelVersion = modelVersion;
  return leftover(ModelProtoSchema, extra);
}

function readOpsets(proto: ModelProto): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const entry of proto.opsetImport) {
    const domain = normalDomain(entry.domain);
    const version = toSafeNumber(entry.version, `the operator set ${quote(domain)}`);
    if (version < 1) throw malformed(`version ${version} of operator set ${quote(domain)}`, 'at least 1');
    if (opsets.has(domain) && opsets.get(domain) !== version)
      throw malformed(`two versions of operator set ${quote(domain)}`, 'one');
    opsets.set(domain, version);
  }
  // Before IR version 3 there was one operator set, and no way to say so.
  if (opsets.size === 0 && proto.irVersion < 3n) opsets.set('', 1);
  return opsets;
}
