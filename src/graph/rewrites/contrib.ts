import { floatOf, intOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import { fusedActivation, namedParameters } from './gates.ts';
import { axesFrom, floatInput, inputOf, malformed, matrixTranspose, permuted, scaledBy } from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** All attributes but those of the activation. */
const withoutActivation = (n: Node) =>
  Object.fromEntries([...n.attributes].filter(([name]) => !name.startsWith('activation')));

// activation(Conv(x, W, b) + z)
export const FusedConv: Rewrite = (b, n) => {
  const inputs = [floatInput(b, n), inputOf(n, 1), ...(n.inputs[2] ? [n.inputs[2]] : [])];
  const y = b.op('Conv', inputs, withoutActivation(n));
  const parameters = n.attributes.get('activation_params');
  const sum = n.inputs[3] ? b.op('Add', [y, n.inputs[3]]) : y;
  return [fusedActivation(b, n, sum, parameters?.type === 'floats' ? parameters.value : [])];
};

// activation(α·A·B + β·C)
export const FusedGemm: Rewrite = (b, n) => {
  const inputs = [floatInput(b, n), inputOf(n, 1), ...(n.inputs[2] ? [n.inputs[2]] : [])];
  return [fusedActivation(b, n, b.op('Gemm', inputs, withoutActivation(n)), namedParameters(n))];
};

/** Moves axis 0 behind the batch axes, then swaps the last two, where the node says so. */
function oriented(b: GraphBuilder, n: Node, x: Value, side: 'A' | 'B'): Value {
  const rank = b.shape(x).length;
  let y = x;
  if (intOf(n, `transBatch${side}`, 0) === 1) {
    if (rank < 3) throw malformed(n, `transposes the batch of rank ${rank}`, 'rank 3 or more');
    y = permuted(b, n, y, [...axesFrom(1, rank - 1), 0, rank - 1]);
  }
  return intOf(n, `trans${side}`, 0) === 1 && rank >= 2 ? matrixTranspose(b, n, y) : y;
}

// α·A·B
export const FusedMatMul: Rewrite = (b, n) => {
  const [left, right] = [oriented(b, n, floatInput(b, n), 'A'), oriented(b, n, floatInput(b, n, 1), 'B')];
  return [scaledBy(b, b.op('MatMul', [left, right]), floatOf(n, 'alpha', 1))];
};
