/** What went wrong: a program branches on `code`, a person reads `message`. */
export type ErrorCode =
  /** The manifest or a model file is not where it should be. */
  | "missing"
  /** A file is not what its manifest says, or the manifest is damaged. */
  | "corrupt"
  /** The artifact is for another schema, target or backend. */
  | "schema"
  /** The picture does not fit an artifact of fixed sides. */
  | "size"
  /** The picture or an option is not what it should be. */
  | "input"
  /** The browser lacks something that was asked for. */
  | "unsupported"
  /** The camera was refused, is not there or is in use. */
  | "camera"
  /** The caller cancelled. */
  | "cancelled"
  /** ONNX Runtime failed, or the network gave no picture. */
  | "backend"
  /** The runtime was closed. */
  | "closed";

/** Every error of this package. */
export class RestorectError extends Error {
  override readonly name = "RestorectError";

  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Return `error` as a `RestorectError`; what has no code of its own gets `fallback`. */
export function asRestorectError(error: unknown, fallback: ErrorCode): RestorectError {
  if (error instanceof RestorectError) return error;
  return new RestorectError(fallback, error instanceof Error ? error.message : String(error));
}
