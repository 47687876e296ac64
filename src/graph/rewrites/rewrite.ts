import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';

/**
 * Writes one node with operators of OPS. The node's inputs are values of the builder, whose types (and whose contents,
 * where they are constant) it can be asked for; the node itself is not appended.
 *
 * @returns one value per output of the node (those that are not used may be missing)
 * @throws E_UNSUPPORTED naming the node, for a form of the operator that has no such writing
 */
export type Rewrite = (b: GraphBuilder, node: Node) => readonly Value[];
