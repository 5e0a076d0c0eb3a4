/** What an instance of the module imports and exports, in every thread. */

export interface Exports {
  memory?: WebAssembly.Memory;
  __indirect_function_table: WebAssembly.Table;
  _initialize(): void;
  segpost_get_api(abi: number): number;
  malloc(bytes: number): number;
  free(address: number): void;
}

/** What the module of several threads exports beside that. */
export interface ThreadExports extends Exports {
  __stack_pointer: WebAssembly.Global;
  __wasm_init_tls(address: number): void;
  segpost_work(): void;
  segpost_abandon(): void;
}

/** Waits while a number of the memory is `value`. */
export type Wait = (address: number, value: number) => void;

const BAD_FILE = 8; // WASI's EBADF: the module has no files
const refuse = () => BAD_FILE;
const FILES = { fd_close: refuse, fd_seek: refuse, fd_write: refuse };

/** An instance; with a memory that threads share, or one of its own. */
export function instantiate(
  compiled: WebAssembly.Module,
  memory?: WebAssembly.Memory,
  wait?: Wait,
): Exports {
  const shared = memory && wait ? { env: { memory }, segpost: { wait } } : {};
  const imports = { wasi_snapshot_preview1: FILES, ...shared };
  return new WebAssembly.Instance(compiled, imports).exports as unknown as Exports;
}
