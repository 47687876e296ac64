/** What a file may cost before it is refused: a model comes from anyone, and is read before it is trusted. */
export interface ReadLimits {
  /** Bytes of the .onnx file. @default 2^31 - 1, the most that protobuf allows */
  readonly fileBytes: number;
  /** Bytes that parsing may allocate, tensors' raw data aside; estimated before parsing. @default 2^30 (1 GiB) */
  readonly parsedBytes: number;
  /** Bytes of all tensors together, by their declared shapes; external data included. @default 2^33 (8 GiB) */
  readonly tensorBytes: number;
  /** Nested messages. A subgraph (an If's branch) takes three. @default 96 */
  readonly depth: number;
}

/** The most bytes a protobuf message may have. */
export const PROTOBUF_LIMIT = 2 ** 31 - 1;

export const DEFAULT_LIMITS: ReadLimits = {
  fileBytes: PROTOBUF_LIMIT,
  parsedBytes: 2 ** 30,
  tensorBytes: 2 ** 33,
  depth: 96,
};
