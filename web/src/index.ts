/** segpost in the browser and in node: what comes after a segmentation network. */

export type { ArrayLike, ColorImage, LabelMap, NdArray, TypedArray } from "./arrays.js";
export { BadValuesError, OutOfMemoryError, ThreadError, ValueError } from "./errors.js";
export { toImageData, toRgba, type ImageLike } from "./images.js";
export { Letterbox, type FitOptions, type LetterboxSizes, type Size } from "./letterbox.js";
export type { CrfOptions } from "./crf.js";
export type { BinarizeOptions, Rle } from "./masks.js";
export type { Region, RegionOptions } from "./regions.js";
export type { Source } from "./source.js";
export type { Grid, LogitsOptions } from "./options.js";
export {
  Palette,
  type Color,
  type PaletteLike,
  type PaletteName,
  type PaletteOptions,
} from "./palette.js";
export {
  load,
  type ConfusionOptions,
  type LoadOptions,
  type OverlayOptions,
  type PostprocessOptions,
  type Segmentation,
  type Segpost,
  type Want,
} from "./segpost.js";
