// CPU time of the process in node: in_node.mjs PACKAGE FOLDER ROUNDS.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { measure } from "./rounds.mjs";

const [, , packageFolder, folder, rounds] = process.argv;
const runtime = createRequire(`${packageFolder}/package.json`).resolve("onnxruntime-web/wasm");
const { default: ort } = await import(pathToFileURL(runtime));
const { load } = await import(pathToFileURL(`${packageFolder}/dist/index.js`));
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const clock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const read = async (name) => new Uint8Array(readFileSync(`${folder}/${name}`));
const results = await measure({ ort, segpost: await load(), clock, read, rounds: Number(rounds) });
process.stdout.write(JSON.stringify(results));
