/** Masks of sigmoid heads, and COCO's run-length codes. */

import type { ArrayLike, NdArray } from "./arrays.js";
import { checkChoice, checkKeys, checkNumber, show, showPlace, ValueError } from "./errors.js";
import type { Explain, Module, Scope } from "./module.js";
import { GRIDS, Logits, NAN_RULES, type LogitsOptions } from "./options.js";
import { Output } from "./output.js";

const OPTIONS_BYTES = 48; // segpost_binarize_options
const ENCODINGS = ["mask", "bits", "rle"] as const;
const NAN_CURE = '; nan: "propagate" sets no pixel there';
const KEYS = ["axis", "size", "grid", "nan", "quantization", "threshold", "encoding"];

/** A mask in COCO's files: height and width, and the lengths of runs as a compressed string. */
export interface Rle {
  readonly size: readonly [number, number];
  readonly counts: string;
}

export interface BinarizeOptions extends Omit<LogitsOptions, "letterbox" | "threshold"> {
  /** A probability in 0..1, or one a class; 0.5 by default. */
  threshold?: number | readonly number[];
  /** Bytes of 0 and 1; eight pixels of a row in a byte, the first as its highest bit; COCO's codes. */
  encoding?: (typeof ENCODINGS)[number];
}

function asCutoffs(threshold: number | readonly number[], classes: number): Float64Array {
  const list = typeof threshold === "number" ? [threshold] : threshold;
  if (!Array.isArray(list) || (list.length !== 1 && list.length !== classes))
    throw new ValueError(`threshold must be a number or ${classes} numbers, got ${show(threshold)}`);
  return Float64Array.from(list, (one: number) => {
    if (!(checkNumber(one, "threshold") >= 0 && one <= 1))
      throw new ValueError(`threshold must be in 0..1, got ${one}`);
    return Math.log(one / (1 - one));
  });
}

function writeOptions(scope: Scope, options: BinarizeOptions, logits: Logits, width: number): number {
  const cutoffs = asCutoffs(options.threshold ?? 0.5, logits.shape[1]);
  const thresholds = scope.copy([cutoffs]);
  const [scale, zeroPoint] = logits.quantization;
  const address = scope.allocate(OPTIONS_BYTES);
  scope.module.bytes(address, OPTIONS_BYTES).fill(0);
  const view = scope.module.view();
  view.setUint32(address, OPTIONS_BYTES, true);
  view.setInt32(address + 4, GRIDS.indexOf(checkChoice(options.grid ?? "half_pixel", "grid", GRIDS)), true);
  view.setInt32(address + 8, NAN_RULES.indexOf(checkChoice(options.nan ?? "raise", "nan", NAN_RULES)), true);
  view.setUint32(address + 12, thresholds, true);
  view.setBigInt64(address + 16, BigInt(cutoffs.length), true);
  view.setFloat64(address + 24, scale, true);
  view.setFloat64(address + 32, zeroPoint, true);
  view.setBigInt64(address + 40, BigInt(width), true);
  return address;
}

/** Lengths of runs in the module's memory: counts, where those of each mask end, the number of masks. */
export interface Counts {
  readonly counts: number;
  readonly ends: number;
  readonly masks: number;
}

/** COCO's compressed strings of masks of one size. */
export function compressCounts(
  scope: Scope,
  { counts, ends, masks }: Counts,
  size: readonly [number, number],
): Rle[] {
  const total = masks ? Number(scope.module.view().getBigInt64(ends + 8 * (masks - 1), true)) : 0;
  const stops = scope.allocate(8 * masks);
  const characters = scope.fit("compressCounts", 2 * total, 1, (address, capacity) => [
    counts,
    ends,
    BigInt(masks),
    address,
    capacity,
    stops,
  ]);
  const ascii = new TextDecoder();
  const view = scope.module.view();
  let start = 0;
  return Array.from({ length: masks }, (_, i) => {
    const stop = Number(view.getBigInt64(stops + 8 * i, true));
    const bytes = scope.module.bytes(characters + start, stop - start).slice();
    start = stop;
    return { size, counts: ascii.decode(bytes) };
  });
}

/** How errors say where masks have no answer. */
function explainMasks(logits: Logits): Explain {
  const [h, w] = logits.size;
  const classes = logits.shape[1];
  return (message, count, first) => {
    const mask = Math.floor(first / (h * w));
    const pixel = Math.floor(mask / classes) * h * w + (first % (h * w));
    const place = showPlace(pixel, h, w, mask % classes);
    return logits.explain(NAN_CURE)(message.replace(/flat index \d+$/, place), count, first);
  };
}

export function binarize(
  module: Module,
  logits: ArrayLike,
  options: BinarizeOptions,
): NdArray<Uint8Array> | Rle[] {
  checkKeys(options, KEYS, "binarize");
  const encoding = checkChoice(options.encoding ?? "mask", "encoding", ENCODINGS);
  const { threshold, encoding: _, ...rest } = options;
  const input = new Logits(logits, rest, undefined, "logits", false);
  input.checkReal("sigmoid", "", "; data.map((v) => v > 127) of bytes that are probabilities");
  const [n, classes] = input.shape;
  const [h, w] = input.size;
  return module.scoped((scope) => {
    const array = input.input(scope);
    const packed = encoding === "bits" ? w : 0;
    const fields = writeOptions(scope, options, input, packed);
    if (encoding === "rle") {
      const masks = n * classes;
      const ends = scope.allocate(8 * masks);
      const sides = [BigInt(h), BigInt(w)];
      const args = (address: number, capacity: bigint) =>
        [array, fields, ...sides, address, capacity, ends] as const;
      const counts = scope.fit("binarizeRuns", 64 * masks, 8, args, explainMasks(input));
      return compressCounts(scope, { counts, ends, masks }, [h, w]);
    }
    const width = packed ? Math.ceil(w / 8) : w;
    const out = new Output(scope, Uint8Array, [n, classes, h, width]);
    scope.call("binarize", [array, fields, out.struct], explainMasks(input));
    return out.read(input.isBatch);
  });
}
