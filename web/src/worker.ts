/** A thread: an instance that waits for tasks. threads.ts starts it. */

import { instantiate, type ThreadExports } from "./instance.js";
import type { Start } from "./threads.js";

interface Port {
  onmessage: ((event: { data: Start }) => void) | null;
  postMessage(message: "ready"): void;
}

function work({ compiled, memory, data, stack }: Start, port: Port): void {
  const wait = () => {}; // tasks of a task run in its thread
  const exports = instantiate(compiled, memory, wait) as ThreadExports;
  exports.__stack_pointer.value = stack;
  exports.__wasm_init_tls(data);
  port.postMessage("ready");
  try {
    exports.segpost_work();
  } catch (trap) {
    exports.__stack_pointer.value = stack;
    exports.segpost_abandon();
    throw trap;
  }
}

function listen(port: Port): void {
  port.onmessage = ({ data }) => work(data, port);
}

if (typeof postMessage === "function") {
  listen(globalThis as unknown as Port);
} else {
  const name = "node:worker_threads";
  import(/* @vite-ignore */ /* webpackIgnore: true */ name).then(({ parentPort }) =>
    listen(parentPort),
  );
}
