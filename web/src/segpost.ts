/** The functions: arguments become structs of the module, and its memory becomes results. */

import {
  asLabels,
  type ArrayLike,
  type ColorImage,
  type LabelMap,
  type NdArray,
} from "./arrays.js";
import { checkChoice, checkInteger, checkKeys, show, ValueError } from "./errors.js";
import { denseCrf, type CrfOptions } from "./crf.js";
import { asPhotograph, type ImageLike, type Photograph } from "./images.js";
import { asPaletteLabels, asWeights } from "./labels.js";
import type { Size } from "./letterbox.js";
import { binarize, type BinarizeOptions, type Rle } from "./masks.js";
import { Module, type Scope } from "./module.js";
import { Logits, LOGITS_KEYS, type LogitsOptions, type PictureFields } from "./options.js";
import { Output } from "./output.js";
import { asPalette, type Palette, type PaletteLike } from "./palette.js";
import { findRegions, type Region, type RegionOptions } from "./regions.js";
import { compile, type Source } from "./source.js";

const NAN_CURE = '; nan: "propagate" lets the first NaN win';
const WANTS = ["labels", "confidence", "probabilities", "color", "overlay"] as const;
const REAL_WANTS = ["confidence", "probabilities"] as const;

export type Want = (typeof WANTS)[number];

export interface PostprocessOptions extends LogitsOptions {
  /** The image of the results' size, for the overlay; where there is no size, results have its size. */
  image?: ImageLike;
  /** For color and overlay. */
  palette?: PaletteLike;
  /** The weight of the colors in the overlay, or one a color; 0.5 by default. */
  alpha?: number | readonly number[];
  /** Confidence within 1e-6 of float64, or within 1e-5 and faster. */
  confidenceMode?: "exact" | "fast";
  /** The results to compute; ["labels"] by default. */
  want?: readonly Want[];
}

/** What `postprocess` computed; undefined is what was not wanted. */
export interface Segmentation {
  readonly labels: LabelMap;
  readonly confidence: NdArray<Float32Array> | undefined;
  /** Of every class, whose axis is where it is in the logits. */
  readonly probabilities: NdArray<Float32Array> | undefined;
  readonly color: ColorImage | undefined;
  readonly overlay: ColorImage | undefined;
}

export interface OverlayOptions {
  /** The weight of the colors, or one a color; 0.5 by default. */
  alpha?: number | readonly number[];
  /** The width of opaque lines between labels in pixels; 0 is none. */
  contour?: number;
}

export interface ConfusionOptions extends Omit<LogitsOptions, "size" | "letterbox"> {
  /** The number of classes K. */
  numClasses: number;
  /** Target values whose pixels are left out. */
  ignoreIndex?: number | readonly number[];
}

/** A loaded module: `await load()`. */
export class Segpost {
  /** @internal */
  constructor(private readonly module: Module) {}

  /** The version of the module. */
  get version(): string {
    return this.module.version;
  }

  /** Ends the module, and its threads where it has several: later calls throw a `ThreadError`. */
  close(): void {
    this.module.close();
  }

  /**
   * The label of every pixel: the first index of the largest logit, after upsampling.
   *
   * Labels are Uint8Array up to 256 classes, else Int32Array.
   *
   * @example
   * const { logits } = await session.run(feeds); // of onnxruntime-web
   * const labels = segpost.argmax(logits, { size: [canvas.height, canvas.width] });
   */
  argmax(logits: ArrayLike, options: LogitsOptions = {}): LabelMap {
    checkKeys(options, LOGITS_KEYS, "argmax");
    return this.compute(new Logits(logits, options), {}).labels;
  }

  /** Labels, confidence, probabilities, colors and overlay of logits. */
  postprocess(logits: ArrayLike, options: PostprocessOptions = {}): Segmentation {
    const own = ["image", "palette", "alpha", "confidenceMode", "want"];
    checkKeys(options, [...LOGITS_KEYS, ...own], "postprocess");
    const image = options.image === undefined ? undefined : asPhotograph(options.image, "image");
    const target = image && ([image.shape[1], image.shape[2]] as const);
    return this.compute(new Logits(logits, options, target), options, image);
  }

  /** The color image of a label map. */
  colorize(labels: ArrayLike, palette: PaletteLike): ColorImage {
    const colors = asPalette(palette, "colorize needs one");
    const { array, shape, isBatch } = asPaletteLabels(labels, colors);
    return this.module.scoped((scope) => {
      const out = new Output(scope, Uint8Array, [...shape, 3]);
      const table = scope.copy([colors.table()]);
      const input = scope.input(array, shape);
      scope.call("colorize", [input, table, tableSize(colors), out.struct]);
      return out.read(isBatch);
    });
  }

  /** The colors of labels over an image. */
  overlay(
    image: ImageLike,
    labels: ArrayLike,
    palette: PaletteLike,
    options: OverlayOptions = {},
  ): ColorImage {
    checkKeys(options, ["alpha", "contour"], "overlay");
    const colors = asPalette(palette, "overlay needs one");
    const photograph = asPhotograph(image, "image");
    const { array, shape, isBatch } = asPaletteLabels(labels, colors);
    checkSameSize(photograph, shape, "labels");
    const contour = BigInt(checkInteger(options.contour ?? 0, "contour", 0, 64));
    const weights = asWeights(options.alpha ?? 0.5, colors).subarray(0, Number(tableSize(colors)));
    return this.module.scoped((scope) => {
      const out = new Output(scope, Uint8Array, [...shape, 3]);
      const table = scope.copy([colors.table()]);
      const input = scope.input(array, shape);
      const below = scope.input(photograph.array, photograph.shape, photograph.strides);
      const alpha = scope.copy([weights]);
      const size = tableSize(colors);
      scope.call("overlay", [below, input, table, size, alpha, size, contour, out.struct]);
      return out.read(isBatch);
    });
  }

  /**
   * How often each class of the target was predicted as each class: (K, K), rows are the target's.
   *
   * @param preds Labels of the target's shape, or logits, which are upsampled to it.
   */
  confusionMatrix(
    preds: ArrayLike,
    target: ArrayLike,
    options: ConfusionOptions,
  ): NdArray<BigInt64Array> {
    const known = ["numClasses", "ignoreIndex", "axis", "grid", "nan", "threshold", "quantization"];
    checkKeys(options, known, "confusionMatrix");
    const classes = checkInteger(options.numClasses, "numClasses", 1, 1 << 14);
    const ignored = [options.ignoreIndex ?? []].flat() as number[];
    ignored.forEach((one) => checkInteger(one, "ignoreIndex", -(2 ** 53), 2 ** 53));
    const truth = asLabels(target, "target");
    const [w = 0, h = 0, n = 1] = [...truth.shape].reverse();
    return this.module.scoped((scope) => {
      const side = classes + 1;
      const bytes = 8 * side * (classes + 2);
      const counts = scope.allocate(bytes);
      scope.module.bytes(counts, bytes).fill(0);
      const sorted = BigInt64Array.from([...new Set(ignored)].sort((a, b) => a - b), BigInt);
      const list = scope.copy([sorted]);
      const truthInput = scope.input(truth, [n, h, w]);
      const tail = [truthInput, BigInt(classes), list, BigInt(sorted.length), counts] as const;
      if (isLogits(preds, truth.shape)) {
        const { numClasses, ignoreIndex, ...rest } = options;
        void numClasses, ignoreIndex;
        const logits = new Logits(preds, { ...rest, size: [h, w] }, undefined, "preds");
        const args = [logits.input(scope), logits.write(scope), ...tail];
        scope.call("confusionMatrixOfLogits", args, logits.explain(NAN_CURE));
      } else {
        const labels = asLabels(preds, "preds");
        if (show(labels.shape) !== show(truth.shape))
          throw new ValueError(
            `preds and target must have one shape, got ${show(labels.shape)} and ${show(truth.shape)}`,
          );
        scope.call("confusionMatrix", [scope.input(labels, [n, h, w]), ...tail]);
      }
      const table = new BigInt64Array(scope.module.view().buffer, counts, bytes / 8);
      return classesOf(table, classes);
    });
  }

  /**
   * The dense CRF: probabilities that follow the edges of an image.
   *
   * @param probabilities Of shape [L, H, W] or [1, L, H, W], of the image's size.
   * @param image What the bilateral term reads; null where there is none.
   * @example
   * const { probabilities } = segpost.postprocess(logits, { image, want: ["probabilities"] });
   * const labels = segpost.argmax(segpost.denseCrf(probabilities, image));
   */
  denseCrf(
    probabilities: ArrayLike,
    image: ImageLike | null,
    options: CrfOptions = {},
  ): NdArray<Float32Array> {
    return denseCrf(this.module, probabilities, image, options);
  }

  /**
   * The masks of sigmoid heads, 1 where the sigmoid of an upsampled logit exceeds a threshold.
   *
   * Masks are [C, H, W], whatever the axis of the logits. With encoding "rle" they are COCO's
   * run-length codes, one a mask; of a batch those of all its images in turn.
   */
  binarize(logits: ArrayLike, options: BinarizeOptions & { encoding: "rle" }): Rle[];
  binarize(
    logits: ArrayLike,
    options?: BinarizeOptions & { encoding?: "mask" | "bits" },
  ): NdArray<Uint8Array>;
  binarize(logits: ArrayLike, options: BinarizeOptions = {}): NdArray<Uint8Array> | Rle[] {
    return binarize(this.module, logits, options);
  }

  /** A region for every label of a label map: area, box, centroid and, where wanted, COCO's code. */
  regions(labels: ArrayLike, options: RegionOptions = {}): Region[] {
    return findRegions(this.module, labels, options);
  }

  private compute(
    logits: Logits,
    options: PostprocessOptions,
    image: Photograph | undefined = undefined,
  ): Segmentation {
    const want = options.want ?? ["labels"];
    if (!Array.isArray(want)) throw new TypeError(`want must be a list, got ${show(want)}`);
    if (want.length === 0)
      throw new ValueError(`want is empty; it takes any of ${WANTS.map(show).join(", ")}`);
    want.forEach((name) => checkChoice(name, "want", WANTS));
    const real = REAL_WANTS.filter((name) => want.includes(name));
    if (real.length > 0) logits.checkReal("softmax", `for ${real.join(" and ")} `);
    const mode = checkChoice(options.confidenceMode ?? "exact", "confidenceMode", ["exact", "fast"]);
    const { isBatch, shape, size } = logits;
    const wants = (name: Want) => want.includes(name);
    const results = [shape[0], ...size];
    return this.module.scoped((scope) => {
      const type = logits.classes > 256 ? Int32Array : Uint8Array;
      const labels = new Output<Uint8Array | Int32Array>(scope, type, results);
      const confidence = wants("confidence") && new Output(scope, Float32Array, results);
      const probabilities = wants("probabilities") && probabilitiesOf(scope, logits);
      const color = wants("color") && new Output(scope, Uint8Array, [...results, 3]);
      const overlay = wants("overlay") && new Output(scope, Uint8Array, [...results, 3]);
      const pictures = color || overlay ? pictureFields(scope, options, logits) : {};
      const below = overlay ? overlayImage(scope, image, results) : {};
      const fields = { fast: mode === "fast", ...pictures, ...below };
      const structs = [color, confidence, overlay].map((output) => (output ? output.struct : 0));
      const input = [logits.input(scope), logits.write(scope, fields)] as const;
      const explain = logits.explain(NAN_CURE);
      scope.call("argmax", [...input, labels.struct, ...structs], explain);
      if (probabilities) scope.call("softmax", [...input, probabilities.struct], explain);
      return {
        labels: labels.read(isBatch),
        confidence: confidence ? confidence.read(isBatch) : undefined,
        probabilities: probabilities ? probabilities.read(isBatch) : undefined,
        color: color ? color.read(isBatch) : undefined,
        overlay: overlay ? overlay.read(isBatch) : undefined,
      };
    });
  }
}

function probabilitiesOf(scope: Scope, logits: Logits): Output<Float32Array> {
  const [n, classes] = logits.shape;
  const [h, w] = logits.size;
  const shape = [n, classes, h, w];
  if (!logits.isLast) return new Output(scope, Float32Array, shape);
  const strides = [h * w * classes, 1, w * classes, classes];
  return new Output(scope, Float32Array, [n, h, w, classes], { shape, strides });
}

function tableSize(palette: Palette): bigint {
  return BigInt(palette.length + (palette.ignoreIndex === undefined ? 0 : 1));
}

function pictureFields(scope: Scope, options: PostprocessOptions, logits: Logits): PictureFields {
  const palette = asPalette(options.palette, '"color" and "overlay" need one');
  if (palette.length < logits.classes)
    throw new ValueError(
      `palette has ${palette.length} colors, and logits have ${logits.classes} classes`,
    );
  return {
    palette: scope.copy([palette.table()]),
    paletteSize: palette.length,
    alpha: scope.copy([asWeights(options.alpha ?? 0.5, palette)]),
    alphaCount: palette.length,
  };
}

function overlayImage(
  scope: Scope,
  image: Photograph | undefined,
  results: readonly number[],
): PictureFields {
  if (image === undefined) throw new TypeError('image is missing: want: ["overlay"] needs one');
  checkSameSize(image, results, "results");
  return { image: scope.input(image.array, image.shape, image.strides) };
}

function checkSameSize(image: Photograph, results: readonly number[], name: string): void {
  const [n, h, w] = image.shape;
  if (n === results[0] && h === results[1] && w === results[2]) return;
  throw new ValueError(
    `image is ${h} x ${w} pixels${n > 1 ? `, ${n} images` : ""}, and ${name} are ${results[1]} x ${results[2]}` +
      `${(results[0] as number) > 1 ? `, ${results[0]} images` : ""}; size: [${h}, ${w}] makes labels of the image's size`,
  );
}

/** Whether predictions have a class axis that the target has not. */
function isLogits(preds: ArrayLike, target: readonly number[]): boolean {
  const shape = preds?.dims ?? preds?.shape;
  return Array.isArray(shape) && shape.length === target.length + 1;
}

/** The (K, K) counts; labels outside of the classes are errors. */
function classesOf(table: BigInt64Array, classes: number): NdArray<BigInt64Array> {
  const side = classes + 1;
  const matrix = new BigInt64Array(classes * classes);
  let badTargets = 0n;
  let badPreds = 0n;
  for (let row = 0; row < classes; ++row) {
    const start = row * side;
    matrix.set(table.subarray(start, start + classes), row * classes);
    badPreds += table[start + classes] as bigint;
  }
  for (let i = 0; i < side; ++i) badTargets += table[(classes + 1) * side + i] as bigint;
  const check = (count: bigint, name: string, cure: string) => {
    if (count > 0n)
      throw new ValueError(`${name} has ${count} labels outside 0..${classes - 1}${cure}`);
  };
  check(badTargets, "target", "; ignoreIndex: 255 leaves out pixels that are 255");
  check(badPreds, "preds", "; numClasses must be the number of classes");
  return { data: matrix, shape: [classes, classes] };
}

export interface LoadOptions {
  /** Where the file is; by default segpost.wasm beside index.js, or segpost-threads.wasm for several threads. */
  source?: Source;
  /** How many threads work, the caller's among them; 1 by default. Results are the same. */
  threads?: number;
}

/**
 * Loads the module; once is enough for a page.
 *
 * @example
 * const segpost = await load();
 */
export async function load(options: LoadOptions = {}): Promise<Segpost> {
  if (options === null || Object.getPrototypeOf(options) !== Object.prototype)
    throw new TypeError(`load takes options, { source, threads }, got ${show(options)}`);
  checkKeys(options, ["source", "threads"], "load");
  const threads = checkInteger(options.threads ?? 1, "threads", 1, 64);
  const file =
    threads === 1
      ? new URL("./segpost.wasm", import.meta.url)
      : new URL("./segpost-threads.wasm", import.meta.url);
  return new Segpost(await Module.start(await compile(options.source ?? file), threads));
}

export type { Size };
