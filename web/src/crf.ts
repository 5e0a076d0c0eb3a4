/** The dense CRF: its options as the struct segpost_crf_options. */

import { asInput, type ArrayLike, type NdArray } from "./arrays.js";
import { checkChoice, checkInteger, checkKeys, checkNumber, show, ValueError } from "./errors.js";
import { asPhotograph, type ImageLike } from "./images.js";
import type { Module, Scope } from "./module.js";
import { Output } from "./output.js";

const OPTIONS_BYTES = 56; // segpost_crf_options
const QUALITIES = ["default", "fast", "high", "exact"] as const;
const NO_TERM = -1;
const [LEAST_SIGMA, MOST_SIGMA] = [1e-30, 1e30];
const REACH = 100000; // sigmas from one end of the values to the other
const MOST_WEIGHT = 1e6;

export interface CrfOptions {
  /** Steps of the mean field, 1 to 10000; 10 by default. */
  iterations?: number;
  /** The term that makes near pixels alike, `sigma` in pixels; { sigma: 3, weight: 3 } by default, null for none. */
  gaussian?: { sigma?: number; weight?: number } | null;
  /**
   * The term that makes near pixels of like color alike; { sigmaXy: 80, sigmaRgb: 13, weight: 10 }
   * by default, null for none.
   */
  bilateral?: { sigmaXy?: number; sigmaRgb?: number; weight?: number } | null;
  /** Of the approximation; "exact" is the mean field of all pairs of pixels, and slow. */
  quality?: (typeof QUALITIES)[number];
}

/** A sigma of values that differ by less than `span`; `what` says what they are. */
function checkSigma(value: number, name: string, span: number, what: string): number {
  const low = Math.max(LEAST_SIGMA, span / REACH);
  if (checkNumber(value, name) >= low && value <= MOST_SIGMA) return value;
  throw new ValueError(`${name} must be in ${low}..${MOST_SIGMA} for ${what}, got ${value}`);
}

function checkWeight(value: number, name: string): number {
  if (checkNumber(value, name) > 0 && value <= MOST_WEIGHT) return value;
  const term = name.split(".")[0];
  throw new ValueError(
    `${name} must be above 0 and at most ${MOST_WEIGHT}, got ${value}; ${term}: null leaves the term out`,
  );
}

function writeOptions(scope: Scope, options: CrfOptions, [h, w]: readonly [number, number]): number {
  const { gaussian = {}, bilateral = {} } = options;
  checkKeys(gaussian ?? {}, ["sigma", "weight"], "gaussian");
  checkKeys(bilateral ?? {}, ["sigmaXy", "sigmaRgb", "weight"], "bilateral");
  const quality = checkChoice(options.quality ?? "default", "quality", QUALITIES);
  const side = Math.max(h, w);
  const size = `${h} x ${w} pixels`;
  const near = gaussian && [
    checkSigma(gaussian.sigma ?? 3, "gaussian.sigma", side, size),
    checkWeight(gaussian.weight ?? 3, "gaussian.weight"),
  ];
  const alike = bilateral && [
    checkSigma(bilateral.sigmaXy ?? 80, "bilateral.sigmaXy", side, size),
    checkSigma(bilateral.sigmaRgb ?? 13, "bilateral.sigmaRgb", 256, "bytes"),
    checkWeight(bilateral.weight ?? 10, "bilateral.weight"),
  ];
  const numbers = [...(near ?? [0, NO_TERM]), ...(alike ?? [0, 0, NO_TERM])];
  const address = scope.allocate(OPTIONS_BYTES);
  const view = scope.module.view();
  view.setUint32(address, OPTIONS_BYTES, true);
  view.setInt32(address + 4, QUALITIES.indexOf(quality), true);
  view.setInt32(address + 8, checkInteger(options.iterations ?? 10, "iterations", 1, 10000), true);
  numbers.forEach((value, i) => view.setFloat64(address + 16 + 8 * i, value, true));
  return address;
}

export function denseCrf(
  module: Module,
  probabilities: ArrayLike,
  image: ImageLike | null,
  options: CrfOptions,
): NdArray<Float32Array> {
  checkKeys(options, ["iterations", "gaussian", "bilateral", "quality"], "denseCrf");
  const input = asInput(probabilities, "probabilities");
  const isBatch = input.shape.length === 4;
  if ((!isBatch && input.shape.length !== 3) || (isBatch && input.shape[0] !== 1))
    throw new ValueError(
      `probabilities must have shape [L, H, W] or [1, L, H, W], got ${show(input.shape)}; one call an image`,
    );
  if (input.dtype !== "float32")
    throw new TypeError(
      `probabilities must be a Float32Array, got ${input.dtype}; postprocess makes them of logits`,
    );
  const shape = input.shape.slice(-3) as [number, number, number];
  const below = image === null ? null : asPhotograph(image, "image");
  if (below === null && options.bilateral !== null)
    throw new TypeError("image is missing: the bilateral term reads it; bilateral: null leaves it out");
  if (below && (below.shape[1] !== shape[1] || below.shape[2] !== shape[2] || below.shape[0] !== 1))
    throw new ValueError(
      `image is ${below.shape[1]} x ${below.shape[2]} pixels, and probabilities are ${shape[1]} x ${shape[2]}; ` +
        `postprocess(logits, { image, want: ["probabilities"] }) makes those of the image's size`,
    );
  return module.scoped((scope) => {
    const view = { shape, strides: [shape[1] * shape[2], shape[2], 1] };
    const out = new Output(scope, Float32Array, [1, ...shape], view);
    const struct = below
      ? scope.input(below.array, below.shape.slice(1), below.strides.slice(1))
      : 0;
    const fields = writeOptions(scope, options, [shape[1], shape[2]]);
    scope.call("denseCrf", [scope.input(input, shape), struct, fields, out.struct]);
    return out.read(isBatch);
  });
}
