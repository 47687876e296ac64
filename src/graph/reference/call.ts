import { TouchstoneError } from '../../errors.ts';
import type { Node } from '../ir.ts';
import { isOp, isRewritten, qualified } from '../ops.ts';
import { nodeLabel } from '../shapes/rule.ts';
import { Call, type Dense } from './kernel.ts';
import { kernels } from './kernels.ts';

/**
 * The outputs of one node, in order.
 *
 * @param inputs as the node lists them; `undefined` stands for an optional one left out
 * @param limit the elements that any output may have, 2^26 unless told
 * @throws E_UNSUPPORTED naming the node, for an operator without a kernel, a random one, or an output beyond the limit;
 *   E_SHAPE, E_RANGE or E_ONNX where the inputs do not fit
 */
export function callKernel(
  node: Node,
  inputs: readonly (Dense | undefined)[],
  limit?: number,
): readonly Dense[] {
  const name = qualified(node);
  if (!isOp(name) && !isRewritten(name))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `operator ${nodeLabel(node)}`,
      'an operator with a kernel (src/graph/ops.ts lists them)',
      'export the model with standard ai.onnx operators only',
    );
  return kernels[name](new Call(node, inputs, limit));
}
