// Calls of the package, read from a file and answered as JSON: calls.mjs PACKAGE CALLS.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , folder, file] = process.argv;
const segpost = await import(pathToFileURL(`${folder}/dist/index.js`));
const loaded = await segpost.load();

const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64")).buffer;

/** A value of JSON as what it stands for. */
function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== "object" || value === null) return value;
  if ("$array" in value) {
    const data = new globalThis[value.kind](bytesOf(value.$array));
    const { shape, parts, type } = value;
    const step = data.length / (parts || 1);
    const planes = Array.from({ length: parts || 0 }, (_, i) =>
      data.slice(i * step, (i + 1) * step),
    );
    return { data: parts ? planes : data, shape, ...(type ? { type } : {}) };
  }
  if ("$picture" in value) {
    const { data, shape } = decode(value.$picture);
    return { data: new Uint8ClampedArray(data), width: shape[1], height: shape[0] };
  }
  if ("$letterbox" in value) return new segpost.Letterbox(decode(value.$letterbox));
  if ("$palette" in value) return new segpost.Palette(...decode(value.$palette));
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, decode(part)]));
}

/** A result as JSON. */
function encode(value) {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    const bytes = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
    return { $array: bytes, kind: value.constructor.name };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, encode(part)]));
}

/** "argmax" is a function of the loaded module, "Letterbox.fit" one of the package. */
function find(name) {
  const [owner, method] = name.split(".");
  if (method) return segpost[owner][method].bind(segpost[owner]);
  return owner in segpost ? segpost[owner] : loaded[owner].bind(loaded);
}

const answers = [];
for (const [name, ...values] of JSON.parse(readFileSync(file, "utf-8"))) {
  try {
    const result = await find(name)(...decode(values));
    answers.push({ result: encode(result) });
  } catch (error) {
    const { name: kind, message, count, first } = error;
    answers.push({ error: { kind, message, count, first } });
  }
}
process.stdout.write(JSON.stringify(answers));
