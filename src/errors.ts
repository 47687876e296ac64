/** Codes of the errors that a request can be wrong with. Each is documented by its message. */
export type ErrorCode =
  | 'E_FILE' // a file or folder that is missing, unreadable, or in the way
  | 'E_ONNX' // bytes that are not a valid ONNX model
  | 'E_UNSUPPORTED' // a valid request or model that this version cannot serve
  | 'E_SHAPE' // shapes that do not fit together
  | 'E_RANGE' // values outside their range, or not finite
  | 'E_LABELS' // labels outside the classes
  | 'E_OPTION' // an option that does not parse, or that does not exist
  | 'E_DATA' // a data file that is malformed
  | 'E_WRITE' // an output that could not be written
  | 'E_ENGINE'; // an engine that is not set up or that failed

/**
 * An error a person can act on: what was got, what was expected, what to do.
 *
 * `message` is one line: `E_RANGE: images reach 255, expected [0, 1]: pass --scale 255`.
 */
export class TouchstoneError extends Error {
  readonly code: ErrorCode;
  readonly got: string;
  readonly expected: string | undefined;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, got: string, expected?: string, remedy?: string, options?: ErrorOptions) {
    const line = `${code}: ${got}${expected ? `, expected ${expected}` : ''}${remedy ? `: ${remedy}` : ''}`;
    super(line.replace(/\s*\n\s*/g, ' '), options);
    this.name = 'TouchstoneError';
    this.code = code;
    this.got = got;
    this.expected = expected;
    this.remedy = remedy;
  }
}
