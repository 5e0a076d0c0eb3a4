/** Threads: workers, each with an instance of the module on one memory. */

import { OutOfMemoryError, ThreadError } from "./errors.js";

export const CLOSED = "segpost is closed: load() gives a new one";
const INITIAL_PAGES = 64; // --initial-memory of csrc/cmake/WebAssembly.cmake
const MOST_PAGES = 2 ** 15;
const WORKER_BYTES = 2 ** 20 - 64; // a stack, and thread-local data below it; a multiple of 16
const PATIENCE = 600; // tenths of a second in which a thread ends its task

/** What a worker gets. */
export interface Start {
  readonly compiled: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly data: number;
  readonly stack: number;
}

/** A worker of a page, or of node. */
interface Opened {
  readonly worker: { postMessage(start: Start): void; terminate(): unknown };
  /** Settled by the first message, or the first error. */
  readonly ready: Promise<unknown>;
}

function openInPage(): Opened {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const ready = new Promise((resolve, reject) => {
    worker.onmessage = resolve;
    worker.onerror = (event) => reject(new Error(event.message || "worker.js was not loaded"));
  });
  return { worker, ready };
}

async function openInNode(): Promise<Opened> {
  const name = "node:worker_threads";
  const threads = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  const worker = new threads.Worker(new URL("./worker.js", import.meta.url));
  const ready = new Promise((resolve, reject) => {
    worker.on("message", resolve);
    worker.on("error", reject);
  });
  ready.catch(() => {}).finally(() => worker.unref()); // the process may end while it waits
  return { worker, ready };
}

/** Refuses pages in which memory cannot be shared. */
export function checkThreads(threads: number): void {
  const isAlone = typeof crossOriginIsolated === "undefined" || crossOriginIsolated;
  if (typeof SharedArrayBuffer !== "undefined" && isAlone) return;
  throw new ThreadError(
    `threads: ${threads} needs a page that is isolated from other origins: serve it, and its scripts, with the headers ` +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp",
  );
}

function reserveMemory(): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MOST_PAGES, shared: true });
  } catch {
    throw new OutOfMemoryError(
      "threads share 2 GB of addresses, which this device does not give; load() without threads takes what it needs",
    );
  }
}

/** Whether this thread may sleep: that of a page may not. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits for a tenth of a second, or as long as the number is `value`, awake. */
function watch(cells: Int32Array, place: number, value: number): void {
  const end = performance.now() + 100;
  while (Atomics.load(cells, place) === value && performance.now() < end);
}

/** The threads of a module beside the caller's. */
export class Threads {
  readonly memory = reserveMemory();
  private readonly workers: Opened["worker"][] = [];
  private readonly sleeps = maySleep();
  private end = "";

  /** Starts workers, whose stacks are in the memory. */
  async start(
    compiled: WebAssembly.Module,
    allocate: (bytes: number) => number,
    count: number,
  ): Promise<void> {
    const { memory } = this;
    const opened: Opened[] = [];
    try {
      for (let i = 0; i < count; ++i) {
        const data = allocate(WORKER_BYTES);
        const stack = data + WORKER_BYTES;
        const one = typeof Worker === "undefined" ? await openInNode() : openInPage();
        opened.push(one);
        this.workers.push(one.worker);
        one.worker.postMessage({ compiled, memory, data, stack });
      }
      await Promise.all(opened.map(({ ready }) => ready));
    } catch (error) {
      this.close();
      throw new ThreadError(`a thread did not start: ${(error as Error).message}`);
    }
  }

  /** Refuses calls after the end. */
  check(): void {
    if (this.end) throw new ThreadError(this.end);
  }

  close(): void {
    this.end ||= CLOSED;
    this.workers.forEach((worker) => worker.terminate());
  }

  /** Waits for other threads, in a call; a lost one ends the module. */
  readonly wait = (address: number, value: number): void => {
    const cells = new Int32Array(this.memory.buffer);
    const place = address >> 2;
    for (let step = 0; value > 0 && step < PATIENCE; ++step) {
      if (this.sleeps) Atomics.wait(cells, place, value, 100);
      else watch(cells, place, value);
      if (Atomics.load(cells, place) !== value) return;
    }
    this.lose();
    this.check();
  };

  /** Ends the module where a thread ended in the middle of a task: others may still write. */
  lose(): void {
    this.end ||= "segpost lost a thread in the middle of a task: load() gives a new one";
    this.close();
  }
}
