/**
 * Runs onnx's backend node tests through the reference interpreter, for test_reference.py:
 * `node --import tsx test/python/backend_nodes.ts DIR`. DIR holds a folder per case, laid out as onnx lays its cases
 * out (model.onnx, test_data_set_N/input_M.pb and output_M.pb). Prints what passed, failed and was skipped, as JSON.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { TensorProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../src/errors.ts';
import { type Graph, type Model, type Node, OPSET } from '../../src/graph/index.ts';
import { isOp, isRewritten, qualified } from '../../src/graph/ops.ts';
import { modernise } from '../../src/graph/passes/modernise.ts';
import { readModel } from '../../src/graph/proto/index.ts';
import { readTensor } from '../../src/graph/proto/tensor.ts';
import { type Dense, denseOf, evaluate, tensorOf } from '../../src/graph/reference/index.ts';

const ATOL = 1e-5;
/** bfloat16 has 8 bits, and expected values were rounded to them at every step: two units in the last place. */
const rtolOf = (dtype: string): number => (dtype === 'bfloat16' ? 2 ** -6 : 1e-3);

const readDense = (path: string): Dense =>
  denseOf(readTensor(fromBinary(TensorProtoSchema, readFileSync(path)), path, false));

/** A set's inputs or outputs, in order. */
function tensors(folder: string, kind: 'input' | 'output'): Dense[] {
  const files = readdirSync(folder).filter((f) => f.startsWith(`${kind}_`));
  return files.map((_, i) => readDense(join(folder, `${kind}_${i}.pb`)));
}

const isKnown = (node: Node): boolean =>
  isOp(qualified(node)) || isRewritten(qualified(node)) || qualified(node) === 'If';

/** Nodes of a graph and of the graphs within it. */
function* nodesOf(graph: Graph): Generator<Node> {
  for (const node of graph.nodes) {
    yield node;
    for (const a of node.attributes.values()) if (a.type === 'graph') yield* nodesOf(a.value);
  }
}

/** Why a result is not the expected one, if it is not. Floats are first rounded to their type. */
function difference(got: Dense, expected: Dense): string | undefined {
  if (got.dtype !== expected.dtype) return `${got.dtype} instead of ${expected.dtype}`;
  if (got.shape.join() !== expected.shape.join()) return `[${got.shape}] instead of [${expected.shape}]`;
  const { data } = denseOf(tensorOf(got));
  const rtol = rtolOf(got.dtype);
  const exact = !/^(float|bfloat)/.test(got.dtype);
  for (const [i, e] of expected.data.entries()) {
    const g = data[i]!;
    if (Object.is(g, e) || g === e) continue;
    if (exact || !(Math.abs(g - e) <= ATOL + rtol * Math.abs(e)))
      return `element ${i} is ${g} instead of ${e}`;
  }
  return undefined;
}

/** What a model gives that it should not, over all of a case's data sets. */
function check(model: Model, folder: string): string | undefined {
  const { graph } = model;
  for (const set of readdirSync(folder).filter((f) => f.startsWith('test_data_set_'))) {
    const inputs = tensors(join(folder, set), 'input');
    const feeds = new Map(
      graph.inputs.flatMap(({ name }, i) => (inputs[i] ? [[name, inputs[i]] as const] : [])),
    );
    const results = evaluate(graph, feeds);
    for (const [i, expected] of tensors(join(folder, set), 'output').entries()) {
      const { name } = graph.outputs[i]!;
      const problem = difference(results.get(name)!, expected);
      if (problem) return `${name}: ${problem}`;
    }
  }
  return undefined;
}

const [from] = process.argv.slice(2);
if (!from) throw new Error('usage: backend_nodes.ts DIR');
const passed: string[] = [];
/** Cases in a set that modernise refuses as too new. */
const asWritten: string[] = [];
const failed: { name: string; why: string }[] = [];
const skipped: Record<string, string[]> = {};
for (const name of readdirSync(from)) {
  const folder = join(from, name);
  const skip = (reason: string) => {
    skipped[reason] ??= [];
    skipped[reason].push(name);
  };
  let model: Model;
  try {
    model = readModel(readFileSync(join(folder, 'model.onnx')));
  } catch (error) {
    if (!(error instanceof TouchstoneError)) throw error;
    skip(`read: ${error.code}`);
    continue;
  }
  if (![...nodesOf(model.graph)].every(isKnown)) {
    skip('another operator');
    continue;
  }
  try {
    model = modernise(model);
  } catch (error) {
    if (!(error instanceof TouchstoneError)) throw error;
    // A set too new to be brought back says the same in all that the kernels read; an old one does not.
    if ((model.opsets.get('') ?? 0) < OPSET) {
      skip(`modernise: ${error.got}`);
      continue;
    }
    asWritten.push(name);
  }
  try {
    const problem = check(model, folder);
    if (problem) failed.push({ name, why: problem });
    else passed.push(name);
  } catch (error) {
    if (!(error instanceof TouchstoneError)) throw new Error(`${name}: not a typed error`, { cause: error });
    failed.push({ name, why: error.message });
  }
}
console.log(
  JSON.stringify({
    passed: passed.length,
    of: passed.length + failed.length,
    names: passed,
    asWritten,
    failed,
    skipped,
  }),
);
