/** From a photograph to labels, overlay and legend. */

import * as ort from "./ort/ort.wasm.min.mjs";
import { load, Palette, toImageData } from "./segpost/index.js";

const STRIDE = 8; // of the network
const LONGEST_INPUT = 512;
const LONGEST_PICTURE = 1280;

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const status = element("status");

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;

/** What is on the screen; the tests read it. */
const shown = {};
window.shown = shown;

const say = (text, failed = false) => {
  status.textContent = text;
  status.classList.toggle("failed", failed);
};

/** Pixels of a picture whose longer side is `longest` at most, and whose sides are multiples. */
function pixelsOf(bitmap, longest, multiple = 1) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const fit = (side) => Math.max(Math.round((side * scale) / multiple), 1) * multiple;
  const drawing = new OffscreenCanvas(fit(bitmap.width), fit(bitmap.height));
  const context = drawing.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, drawing.width, drawing.height);
  return context.getImageData(0, 0, drawing.width, drawing.height);
}

/** The network's input: (1, 3, H, W) in 0..1. */
function inputOf({ data, width, height }) {
  const pixels = width * height;
  const values = new Float32Array(3 * pixels);
  for (let i = 0; i < pixels; ++i)
    for (let channel = 0; channel < 3; ++channel)
      values[channel * pixels + i] = data[4 * i + channel] / 255;
  return new ort.Tensor("float32", values, [1, 3, height, width]);
}

function drawOverlay() {
  const { segpost, image, labels, palette } = shown;
  if (!labels) return;
  const alpha = Number(element("alpha").value);
  const contour = element("contour").checked ? 1 : 0;
  shown.overlay = segpost.overlay(image, labels, palette, { alpha, contour });
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(toImageData(shown.overlay), 0, 0);
}

function legendRow(label, share) {
  const { palette } = shown;
  const row = document.createElement("tr");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.backgroundColor = `rgb(${palette.color(label).join(" ")})`;
  const name = document.createElement("th");
  name.scope = "row";
  name.append(swatch, palette.name(label));
  const number = document.createElement("td");
  number.className = "number";
  number.textContent = `${(100 * share).toFixed(1)} %`;
  row.classList.toggle("absent", share === 0);
  row.append(name, number);
  return row;
}

function drawLegend() {
  const { labels, palette } = shown;
  const counts = new Array(palette.length).fill(0);
  for (const label of labels.data) ++counts[label];
  const rows = counts.map((count, label) => [label, count / labels.data.length]);
  rows.sort((a, b) => b[1] - a[1]);
  element("legend").replaceChildren(...rows.map(([label, share]) => legendRow(label, share)));
}

async function show(blob) {
  say("The network is running.");
  const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const image = pixelsOf(bitmap, LONGEST_PICTURE);
  const input = inputOf(pixelsOf(bitmap, LONGEST_INPUT, STRIDE));
  bitmap.close();
  const start = performance.now();
  const { logits } = await shown.session.run({ image: input });
  const middle = performance.now();
  const size = [image.height, image.width];
  const { labels } = shown.segpost.postprocess(logits, { size });
  const end = performance.now();
  const [, classes, h, w] = logits.dims;
  Object.assign(shown, { image, logits, labels: { data: labels.data, shape: size } });
  drawOverlay();
  drawLegend();
  const times = `network ${(middle - start).toFixed(0)} ms, labels ${(end - middle).toFixed(1)} ms`;
  say(`${classes} x ${h} x ${w} logits, ${size.join(" x ")} labels: ${times}.`);
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    say(`This did not work: ${error.message}`, true);
  }
}

async function fetchBlob(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name} answered ${response.status}`);
  return response.blob();
}

const showSample = () => attempt(async () => show(await fetchBlob("sample.png")));

element("alpha").addEventListener("input", drawOverlay);
element("contour").addEventListener("change", drawOverlay);
element("sample").addEventListener("click", showSample);
element("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) attempt(() => show(file));
});

await attempt(async () => {
  const [segpost, session, classes] = await Promise.all([
    load(),
    ort.InferenceSession.create("model.onnx", { executionProviders: ["wasm"] }),
    fetchBlob("classes.json").then(async (blob) => JSON.parse(await blob.text())),
  ]);
  const palette = new Palette(classes.colors, { names: classes.names });
  Object.assign(shown, { segpost, session, palette });
  await show(await fetchBlob("sample.png"));
});
