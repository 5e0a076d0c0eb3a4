/** Arrays of a caller: typed arrays with a shape, as runtimes have them. */

import { checkInteger, show, ValueError } from "./errors.js";

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * An array: a tensor of onnxruntime-web as it is, or an object of data and shape.
 *
 * `data` may be a list of typed arrays, one for each index of the first axis, as MediaPipe has
 * masks. `type` is needed for "float16" alone, whose bits are in a Uint16Array.
 */
export interface ArrayLike {
  readonly data: TypedArray | readonly TypedArray[] | unknown;
  readonly dims?: readonly number[];
  readonly shape?: readonly number[];
  readonly type?: string;
}

/** An array that segpost made: its memory is its own. */
export interface NdArray<T extends TypedArray = TypedArray> {
  readonly data: T;
  readonly shape: readonly number[];
}

export type LabelMap = NdArray<Uint8Array | Int32Array>;
export type ColorImage = NdArray<Uint8Array>;

/** The numbers of segpost_dtype. */
export const DTYPES = {
  float32: 0,
  float64: 1,
  float16: 2,
  int8: 4,
  uint8: 5,
  int16: 6,
  uint16: 7,
  int32: 8,
  int64: 9,
  uint32: 10,
  uint64: 11,
} as const;

export type DType = keyof typeof DTYPES;

export const BYTES: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  uint32: 4,
  uint64: 8,
};

const TYPES: Readonly<Record<string, DType>> = {
  Float32Array: "float32",
  Float64Array: "float64",
  Float16Array: "float16",
  Int8Array: "int8",
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8",
  Int16Array: "int16",
  Uint16Array: "uint16",
  Int32Array: "int32",
  BigInt64Array: "int64",
  Uint32Array: "uint32",
  BigUint64Array: "uint64",
};

/** An argument, checked: its parts lie one after another. */
export interface InputArray {
  readonly parts: readonly TypedArray[];
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export function isInteger(dtype: DType): boolean {
  return !dtype.startsWith("float");
}

function dtypeOf(value: unknown): DType | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return TYPES[(value as unknown as Record<symbol, string>)[Symbol.toStringTag] ?? ""];
}

/** Whether the memory of an array went elsewhere, as by `postMessage`. */
export function isDetached(array: ArrayBufferView | ArrayBufferLike): boolean {
  if (array.byteLength > 0) return false;
  try {
    new Uint8Array(ArrayBuffer.isView(array) ? array.buffer : array);
    return false;
  } catch {
    return true;
  }
}

/** The lengths of the axes: `dims` of a tensor of onnxruntime-web, `shape` of others. */
function sidesOf({ dims, shape }: ArrayLike, name: string): unknown {
  if (!Array.isArray(dims) || !Array.isArray(shape)) return dims ?? shape;
  if (dims.length !== shape.length || dims.some((side, i) => side !== shape[i]))
    throw new ValueError(
      `${name}: dims ${show(dims)} and shape ${show(shape)} differ; leave out the one that is not meant`,
    );
  return dims;
}

/** Checks an array that a caller passes. */
export function asInput(value: ArrayLike, name: string): InputArray {
  if (typeof value !== "object" || value === null || !("data" in value))
    throw new TypeError(
      `${name} must be a tensor or {data, shape}, got ${show(value)}; ` +
        `{data: await tensor.data(), shape: tensor.shape} of a tensor of TensorFlow.js`,
    );
  if (typeof value.data === "function")
    throw new TypeError(
      `${name}.data is a function; {data: await ${name}.data(), shape: ${name}.shape}`,
    );
  const sides = sidesOf(value, name);
  if (sides === undefined)
    throw new TypeError(`${name} has no shape: {data, shape: [C, h, w]}, got ${show(value)}`);
  if (!Array.isArray(sides))
    throw new TypeError(`${name}.shape must be a list of integers, got ${show(sides)}`);
  const shape = Array.from(sides, (side, i) =>
    checkInteger(side, `${name}.shape[${i}]`, 0, 2 ** 31 - 1),
  );
  const list: readonly unknown[] = Array.isArray(value.data) ? value.data : [value.data];
  const parts = Array.from(list) as TypedArray[];
  const found = parts.map(dtypeOf);
  const first = found[0];
  if (first === undefined || found.some((one) => one !== first))
    throw new TypeError(
      `${name}.data must be a typed array, or a list of them of one type, got ${show(value.data)}`,
    );
  if (parts.some(isDetached))
    throw new ValueError(
      `${name}.data has no memory: its buffer was transferred, as by postMessage; transfer a copy, data.slice()`,
    );
  const dtype = value.type === "float16" && first === "uint16" ? "float16" : first;
  const elements = shape.reduce((product, side) => product * side, 1);
  if (parts.length > 1 && parts.length !== shape[0])
    throw new ValueError(
      `${name}.data has ${parts.length} arrays, and the first axis of shape ${show(shape)} is ${shape[0]}`,
    );
  const expected = elements / parts.length;
  for (const part of parts)
    if (part.length !== expected)
      throw new ValueError(
        `${name}.data has ${part.length} elements, and shape ${show(shape)} has ${expected}` +
          (parts.length > 1 ? " for each array" : ""),
      );
  return { parts, dtype, shape };
}

/** A label map of integers, (H, W) or (N, H, W). */
export function asLabels(value: ArrayLike, name: string): InputArray {
  const array = asInput(value, name);
  if (!isInteger(array.dtype))
    throw new TypeError(
      `${name} must be integers, got ${array.dtype}; argmax makes labels of logits`,
    );
  if (array.shape.length !== 2 && array.shape.length !== 3)
    throw new ValueError(`${name} must have shape [H, W] or [N, H, W], got ${show(array.shape)}`);
  return array;
}
