/** Where a module comes from: an address, bytes, or what was compiled already. */

import { isDetached } from "./arrays.js";
import { show, ValueError } from "./errors.js";

export type Source = string | URL | Response | BufferSource | WebAssembly.Module;

const MAGIC = [0x00, 0x61, 0x73, 0x6d]; // how modules of WebAssembly begin
const PLACE = "it must lie beside index.js, or load({ source }) says where it is";

declare const process: unknown;

async function readFile(url: URL): Promise<BufferSource> {
  const name = "node:fs/promises"; // in node, whose fetch reads no files
  const files = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  return files.readFile(url);
}

async function fetchBytes(url: URL): Promise<BufferSource> {
  if (url.protocol === "file:" && typeof process !== "undefined") return readFile(url);
  const response = await fetch(url).catch((error: Error) => {
    throw new Error(`${url} was not fetched: ${error.message}; ${PLACE}`, { cause: error });
  });
  return responseBytes(response);
}

async function responseBytes(response: Response): Promise<BufferSource> {
  if (response.ok) return response.arrayBuffer();
  throw new Error(`${response.url || "source"} answered ${response.status}: ${PLACE}`);
}

function isBytes(source: unknown): source is BufferSource {
  return ArrayBuffer.isView(source) || Object.prototype.toString.call(source) === "[object ArrayBuffer]";
}

/** Refuses what is no module, such as a page of HTML that a server answers in place of a file. */
function checkBeginning(bytes: BufferSource, name: string): void {
  if (isDetached(bytes))
    throw new ValueError(`${name} has no memory: its buffer was transferred, as by postMessage`);
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  if (MAGIC.every((byte, i) => view[i] === byte)) return;
  const beginning = new TextDecoder().decode(view.subarray(0, 40));
  throw new ValueError(
    `${name} is no module of WebAssembly: it begins with ${show(beginning)}; ${PLACE}`,
  );
}

async function compileBytes(bytes: BufferSource, name: string): Promise<WebAssembly.Module> {
  checkBeginning(bytes, name);
  return WebAssembly.compile(bytes).catch((error: Error) => {
    throw new Error(
      `${name} was not compiled: ${error.message}; a cut file, an engine without WebAssembly's exceptions, ` +
        "vectors or atomics, or a policy of the page without 'wasm-unsafe-eval'",
      { cause: error },
    );
  });
}

/** Compiles a module, wherever it comes from. */
export async function compile(source: Source): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === "string" || source instanceof URL) {
    const base = typeof location === "undefined" ? import.meta.url : location.href;
    const url = new URL(source, base);
    return compileBytes(await fetchBytes(url), url.href);
  }
  if (typeof Response !== "undefined" && source instanceof Response)
    return compileBytes(await responseBytes(source), source.url || "source");
  if (isBytes(source)) return compileBytes(source, "source");
  throw new TypeError(
    `source must be an address, a Response, bytes or a WebAssembly.Module, got ${show(source)}`,
  );
}
