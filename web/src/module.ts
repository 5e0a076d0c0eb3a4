/** The module of WebAssembly: its memory, its functions, and what they refuse. */

import { BYTES, DTYPES, type DType, type InputArray, type TypedArray } from "./arrays.js";
import { BadValuesError, OutOfMemoryError, ValueError } from "./errors.js";

const ABI = 1; // SEGPOST_ABI
const OK = 0;
const BAD_VALUES = 2;
const NO_MEMORY = 3;
const REPORT_BYTES = 416;
const ARRAY_BYTES = 80;

/** Places in the table segpost_api, whose pointers have four bytes. */
const FUNCTIONS = {
  argmax: 12,
  softmax: 16,
  colorize: 20,
  overlay: 24,
  confusionMatrix: 28,
  confusionMatrixOfLogits: 32,
} as const;

export type FunctionName = keyof typeof FUNCTIONS;

interface Exports {
  memory: WebAssembly.Memory;
  __indirect_function_table: WebAssembly.Table;
  _initialize(): void;
  segpost_get_api(abi: number): number;
  malloc(bytes: number): number;
  free(address: number): void;
}

/** Where a module comes from: by default the file beside this one. */
export type Source = string | URL | Response | BufferSource | WebAssembly.Module;

async function readFile(url: URL): Promise<BufferSource> {
  const name = "node:fs/promises"; // in node, whose fetch reads no files
  const files = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  return files.readFile(url);
}

async function fetchBytes(source: string | URL): Promise<BufferSource> {
  const url = new URL(source, typeof location === "undefined" ? import.meta.url : location.href);
  if (url.protocol === "file:" && typeof process !== "undefined") return readFile(url);
  return responseBytes(await fetch(url));
}

async function responseBytes(response: Response): Promise<BufferSource> {
  if (response.ok) return response.arrayBuffer();
  throw new Error(
    `${response.url} answered ${response.status}: segpost.wasm must lie beside index.js, or load(url) says where it is`,
  );
}

declare const process: unknown;

/** Compiles a module, wherever it comes from. */
export async function compile(source: Source): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === "string" || source instanceof URL)
    return WebAssembly.compile(await fetchBytes(source));
  if (typeof Response !== "undefined" && source instanceof Response)
    return WebAssembly.compile(await responseBytes(source));
  return WebAssembly.compile(source as BufferSource);
}

const BAD_FILE = 8; // WASI's EBADF: the module has no files

/** An instance, and the address of its table of functions. */
export class Module {
  readonly version: string;
  private readonly exports: Exports;
  private readonly table: number;

  constructor(compiled: WebAssembly.Module) {
    const refuse = () => BAD_FILE;
    const files = { fd_close: refuse, fd_seek: refuse, fd_write: refuse };
    const instance = new WebAssembly.Instance(compiled, { wasi_snapshot_preview1: files });
    this.exports = instance.exports as unknown as Exports;
    this.exports._initialize();
    this.table = this.exports.segpost_get_api(ABI);
    if (!this.table) throw new Error("segpost.wasm is of another version than index.js");
    this.version = this.text(this.view().getUint32(this.table + 8, true), 32);
  }

  /** Calls `work` with a scope, whose memory is given back after it. */
  scoped<T>(work: (scope: Scope) => T): T {
    const scope = new Scope(this);
    try {
      return work(scope);
    } finally {
      scope.free();
    }
  }

  /** The memory as it is now: growth detaches older views. */
  view(): DataView {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, address, length);
  }

  allocate(bytes: number): number {
    const address = bytes < 2 ** 31 ? this.exports.malloc(Math.max(bytes, 1)) >>> 0 : 0;
    if (address) return address;
    throw new OutOfMemoryError(
      `segpost has no memory for ${bytes} bytes: its memory ends at 2 GB; pass fewer images at once, or a smaller size`,
    );
  }

  release(address: number): void {
    this.exports.free(address);
  }

  invoke(name: FunctionName, args: readonly (number | bigint)[]): number {
    const index = this.view().getUint32(this.table + FUNCTIONS[name], true);
    return this.exports.__indirect_function_table.get(index)(...args);
  }

  text(address: number, longest: number): string {
    const bytes = this.bytes(address, longest);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }
}

/** Memory of the module for the time of one call. */
export class Scope {
  private readonly addresses: number[] = [];

  constructor(readonly module: Module) {}

  allocate(bytes: number): number {
    const address = this.module.allocate(bytes);
    this.addresses.push(address);
    return address;
  }

  free(): void {
    for (const address of this.addresses) this.module.release(address);
  }

  /** A copy of parts that lie one after another. */
  copy(parts: readonly TypedArray[]): number {
    const total = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const address = this.allocate(total);
    let place = address;
    for (const part of parts) {
      const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      this.module.bytes(place, part.byteLength).set(bytes);
      place += part.byteLength;
    }
    return address;
  }

  /** A struct segpost_array; strides are in elements. */
  array(
    data: number,
    dtype: DType,
    shape: readonly number[],
    strides: readonly number[] = packedStrides(shape),
  ): number {
    const address = this.allocate(ARRAY_BYTES);
    const view = this.module.view();
    view.setUint32(address, data, true);
    view.setInt32(address + 4, DTYPES[dtype], true);
    view.setInt32(address + 8, shape.length, true);
    for (let i = 0; i < 4; ++i) {
      view.setBigInt64(address + 16 + 8 * i, BigInt(shape[i] ?? 1), true);
      view.setBigInt64(address + 48 + 8 * i, BigInt((strides[i] ?? 0) * BYTES[dtype]), true);
    }
    return address;
  }

  /** A copy of an argument as a struct segpost_array. */
  input(array: InputArray, shape: readonly number[], strides?: readonly number[]): number {
    return this.array(this.copy(array.parts), array.dtype, shape, strides);
  }

  /** Calls a function, whose last argument is the report, and throws what it refuses. */
  call(name: FunctionName, args: readonly (number | bigint)[], cure = ""): void {
    const report = this.allocate(REPORT_BYTES);
    const status = this.module.invoke(name, [...args, report]);
    if (status === OK) return;
    const view = this.module.view();
    const message = this.module.text(report + 16, REPORT_BYTES - 16);
    if (status === BAD_VALUES)
      throw new BadValuesError(
        message + cure,
        Number(view.getBigInt64(report, true)),
        Number(view.getBigInt64(report + 8, true)),
      );
    if (status === NO_MEMORY)
      throw new OutOfMemoryError(
        `segpost.${name}: ${message}: its memory ends at 2 GB; pass fewer images at once, or a smaller size`,
      );
    throw new ValueError(message);
  }
}

/** C order, in elements. */
export function packedStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; --i) {
    strides[i] = step;
    step *= shape[i] ?? 1;
  }
  return strides;
}
