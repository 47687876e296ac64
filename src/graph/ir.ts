/**
 * The intermediate representation: what an ONNX model is in memory.
 *
 * Values are named, as in ONNX; `''` stands for an optional input or output left out.
 * Graphs are treated as immutable: passes return new ones (arrays and maps copied where they change).
 */

/** Element types, with NumPy's names. Types without a typed array of their own are kept as raw bits. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'
  | 'complex64'
  | 'complex128'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'float4e2m1'
  | 'int4'
  | 'uint4'
  | 'int2'
  | 'uint2';

export type NumericArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A dense tensor, row-major. float16 and bfloat16 are Uint16Array bits, bool and the packed or 8-bit
 * float types are Uint8Array bytes, complex types are interleaved (real, imaginary) floats.
 */
export interface Tensor<D extends NumericArray | readonly string[] = NumericArray | readonly string[]> {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: D;
  /** A doc string, metadata, an attribute tensor's own name: kept as an encoded TensorProto with only these. */
  readonly extra?: Uint8Array;
}

export type FloatTensor = Tensor<Float32Array> & { readonly dtype: 'float32' };

/** A fixed size, a symbol (a batch dimension, say), or unknown. */
export type Dim = number | string | null;

/** What a type or a dimension means (`IMAGE`, `DATA_BATCH`), one per dimension and `''` where nothing is said. */
export interface Denotations {
  readonly type?: string;
  readonly dims?: readonly string[];
}

/** `shape` undefined: unknown rank. `other`: sequences, maps, optionals, sparse tensors, kept as encoded TypeProto. */
export type ValueType =
  | {
      readonly kind: 'tensor';
      readonly dtype: DataType;
      readonly shape?: readonly Dim[];
      readonly denotations?: Denotations;
    }
  | { readonly kind: 'other'; readonly proto: Uint8Array };

export interface ValueInfo {
  readonly name: string;
  readonly type?: ValueType;
  readonly doc?: string;
  /** Metadata, kept as an encoded ValueInfoProto with only this. */
  readonly extra?: Uint8Array;
}

/**
 * int64 attributes are numbers: exact up to ±2^53, and ±2^63 saturates to the int64 limits. An integer that would
 * not survive that, or a string that is not UTF-8, is kept as `other`.
 */
export type Attribute = { readonly doc?: string } & TypedAttribute;

type TypedAttribute =
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  /** `ref`: an attribute of the enclosing function, by name; `other`: kept as an encoded AttributeProto. */
  | { readonly type: 'ref'; readonly value: string; readonly proto: Uint8Array }
  | { readonly type: 'other'; readonly proto: Uint8Array };

export type Attributes = ReadonlyMap<string, Attribute>;

export interface Node {
  readonly op: string;
  /** `''` is ai.onnx. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  readonly overload?: string;
  readonly doc?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  /** Device configurations, kept as an encoded NodeProto with only these. */
  readonly extra?: Uint8Array;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Constants by name. An initializer may also be listed in `inputs` (a default value). */
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly valueInfo: readonly ValueInfo[];
  readonly doc?: string;
  readonly metadata?: ReadonlyMap<string, string>;
  /** Parts this toolkit never computes with (sparse initializers, quantization annotations), kept encoded. */
  readonly extra?: Uint8Array;
}

/** A graph with what a file says beside it. */
export interface Model {
  readonly graph: Graph;
  readonly irVersion: number;
  /** Operator-set version by domain; `''` is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: number;
  readonly doc?: string;
  readonly metadata: ReadonlyMap<string, string>;
  /** Model-local functions, training info and device configurations, kept encoded (a ModelProto with only these). */
  readonly extra?: Uint8Array;
}
