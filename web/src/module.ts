/** The module of WebAssembly: its memory, its functions, and what they refuse. */

import { BYTES, DTYPES, type DType, type InputArray, type TypedArray } from "./arrays.js";
import { BadValuesError, OutOfMemoryError, ThreadError, ValueError } from "./errors.js";
import { instantiate, type Exports } from "./instance.js";
import { checkThreads, CLOSED, Threads } from "./threads.js";

const ABI = 1; // SEGPOST_ABI
const OK = 0;
const BAD_ARGUMENT = 1;
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
  denseCrf: 36,
  setNumThreads: 40,
  binarize: 48,
  binarizeRuns: 52,
  regions: 56,
  regionCounts: 60,
  compressCounts: 64,
} as const;

export type FunctionName = keyof typeof FUNCTIONS;

/** The error of bad values: a sentence, how many there are, and the flat index of the first. */
export type Explain = (message: string, count: number, first: number) => BadValuesError;

const explainAsIs: Explain = (...report) => new BadValuesError(...report);

/** Refuses other modules, that for one thread where there are several, and the other way round. */
function checkFile(compiled: WebAssembly.Module, threads: number): void {
  if (!WebAssembly.Module.exports(compiled).some(({ name }) => name === "segpost_get_api"))
    throw new ValueError("source is a module of WebAssembly, but not segpost's: segpost.wasm is needed");
  const sharesMemory = WebAssembly.Module.imports(compiled).some(({ kind }) => kind === "memory");
  if (sharesMemory === threads > 1) return;
  throw new ValueError(
    `threads: ${threads} needs segpost${threads > 1 ? "-threads" : ""}.wasm as source, got the module ` +
      `for ${sharesMemory ? "several threads" : "one thread"}`,
  );
}

/** An instance, and the address of its table of functions. */
export class Module {
  readonly version: string;
  private readonly exports: Exports;
  private readonly table: number;
  private isClosed = false;

  private constructor(
    compiled: WebAssembly.Module,
    private readonly threads?: Threads,
  ) {
    this.exports = instantiate(compiled, threads?.memory, threads?.wait);
    this.exports._initialize();
    this.table = this.exports.segpost_get_api(ABI);
    if (!this.table) throw new Error("segpost.wasm is of another version than index.js");
    this.version = this.text(this.view().getUint32(this.table + 8, true), 32);
  }

  /** An instance that works on several threads, the caller's among them. */
  static async start(compiled: WebAssembly.Module, count: number): Promise<Module> {
    checkFile(compiled, count);
    if (count === 1) return new Module(compiled);
    checkThreads(count);
    const threads = new Threads();
    const module = new Module(compiled, threads);
    await threads.start(compiled, (bytes) => module.allocate(bytes), count - 1);
    module.invoke("setNumThreads", [count]);
    return module;
  }

  /** Ends the threads, and refuses later calls. */
  close(): void {
    this.isClosed = true;
    this.threads?.close();
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
    return new DataView(this.buffer());
  }

  private buffer(): ArrayBuffer {
    return (this.threads?.memory ?? (this.exports.memory as WebAssembly.Memory)).buffer;
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.buffer(), address, length);
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
    this.threads?.check();
    if (this.isClosed) throw new ThreadError(CLOSED);
    const index = this.view().getUint32(this.table + FUNCTIONS[name], true);
    try {
      return this.exports.__indirect_function_table.get(index)(...args);
    } catch (trap) {
      this.threads?.lose();
      throw trap;
    }
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
  call(name: FunctionName, args: readonly (number | bigint)[], explain = explainAsIs): void {
    const report = this.allocate(REPORT_BYTES);
    const status = this.module.invoke(name, [...args, report]);
    if (status !== OK) this.refuse(name, status, report, explain);
  }

  /** The items of a function that says how many there are where the capacity is too small. */
  fit(
    name: FunctionName,
    capacity: number,
    bytes: number,
    args: (address: number, capacity: bigint) => readonly (number | bigint)[],
    explain = explainAsIs,
  ): number {
    const report = this.allocate(REPORT_BYTES);
    for (;;) {
      const address = this.allocate(bytes * capacity);
      const status = this.module.invoke(name, [...args(address, BigInt(capacity)), report]);
      if (status === OK) return address;
      const needed = Number(this.module.view().getBigInt64(report, true));
      if (status !== BAD_ARGUMENT || needed <= capacity) this.refuse(name, status, report, explain);
      capacity = needed;
    }
  }

  private refuse(name: FunctionName, status: number, report: number, explain: Explain): never {
    const view = this.module.view();
    const message = this.module.text(report + 16, REPORT_BYTES - 16);
    if (status === BAD_VALUES)
      throw explain(
        message,
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
