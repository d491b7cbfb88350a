// Every error the package throws on purpose. `code` is stable; the message names the operation, the shapes or value,
// and what to do.

/** Shapes do not fit each other or the operation. */
export class ShapeError extends RangeError {
  override readonly name: string = "ShapeError";
  readonly code = "TSR_SHAPE" as const;
}

/** An argument or option lies outside what it may be. */
export class ArgumentError extends RangeError {
  override readonly name: string = "ArgumentError";
  readonly code = "TSR_ARGUMENT" as const;
}

/** Data of a type that is no real number: bigint, complex, string, or an object without numbers. */
export class DTypeError extends TypeError {
  override readonly name: string = "DTypeError";
  readonly code = "TSR_DTYPE" as const;
}

/** NaN or Inf in the input, at `row`, `column` (from 0). */
export class NonFiniteError extends RangeError {
  override readonly name: string = "NonFiniteError";
  readonly code = "TSR_NON_FINITE" as const;
  readonly row: number;
  readonly column: number;
  constructor(message: string, row: number, column: number) {
    super(message);
    this.row = row;
    this.column = column;
  }
}

/** A value, or an exact result, beyond the range of float32. */
export class OverflowError extends RangeError {
  override readonly name: string = "OverflowError";
  readonly code = "TSR_OVERFLOW" as const;
}

/** The leading minor of this `order` (from 1) is not positive definite. */
export class NotPositiveDefiniteError extends Error {
  override readonly name: string = "NotPositiveDefiniteError";
  readonly code = "TSR_NOT_POSITIVE_DEFINITE" as const;
  readonly order: number;
  constructor(message: string, order: number) {
    super(message);
    this.order = order;
  }
}

/** Pivot number `order` (from 1) is exactly zero. */
export class SingularError extends Error {
  override readonly name: string = "SingularError";
  readonly code = "TSR_SINGULAR" as const;
  readonly order: number;
  constructor(message: string, order: number) {
    super(message);
    this.order = order;
  }
}

/** The result of an iteration missed its tolerance, with `strict: true`; or factors could not be certified, which is a
 * fault of this package. */
export class NotConvergedError extends Error {
  override readonly name: string = "NotConvergedError";
  readonly code = "TSR_NOT_CONVERGED" as const;
}

/** `bytes` is what was asked for. */
export class OutOfMemoryError extends Error {
  override readonly name: string = "OutOfMemoryError";
  readonly code = "TSR_OUT_OF_MEMORY" as const;
  readonly bytes: number;
  constructor(message: string, bytes: number) {
    super(message);
    this.bytes = bytes;
  }
}

/** The device failed, is closed, or cannot do what was asked. */
export class DeviceError extends Error {
  override readonly name: string = "DeviceError";
  readonly code = "TSR_DEVICE" as const;
}

/** Use of a matrix after it was disposed, or after its buffer was transferred away. */
export class DisposedError extends ReferenceError {
  override readonly name: string = "DisposedError";
  readonly code = "TSR_DISPOSED" as const;
}

/** No native library could be used; `tried` lists each file and why not. */
export class LibraryError extends Error {
  override readonly name: string = "LibraryError";
  readonly code = "TSR_LIBRARY" as const;
  readonly tried: readonly string[];
  constructor(message: string, options: { tried: readonly string[]; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.tried = options.tried;
  }
}
