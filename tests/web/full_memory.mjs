// What a call says where there is memory for its arguments and not for its work: full_memory.mjs PACKAGE.
import { pathToFileURL } from "node:url";

const { load } = await import(pathToFileURL(`${process.argv[2]}/dist/index.js`));
const segpost = await load();
const { malloc, free } = segpost.module.exports;
const logits = {
  data: Float32Array.from({ length: 19 * 16 * 16 }, (_, i) => Math.sin(i * 1.7)),
  shape: [19, 16, 16],
};
const call = () => {
  try {
    return segpost.argmax(logits, { size: [100, 100] }).data.join();
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};

call(); // blocks of every size that it needs
const structs = [80, 80, 88, 416];
const rooms = [4 * logits.data.length, 100 * 100, ...structs].map((bytes) => malloc(bytes));
const held = [];
for (let bytes = 2 ** 30; bytes >= 16; bytes /= 2)
  for (let address = malloc(bytes); address; address = malloc(bytes)) held.push(address);
const full = call();
rooms.forEach((address) => free(address));
const narrow = call();
held.forEach((address) => free(address));
const right = !call().includes("Error");
process.stdout.write(JSON.stringify({ full, narrow, right }));
