/** segpost in the browser and in node: what comes after a segmentation network. */

export type { ArrayLike, ColorImage, LabelMap, NdArray, TypedArray } from "./arrays.js";
export { BadValuesError, OutOfMemoryError, ValueError } from "./errors.js";
export { toImageData, toRgba, type ImageLike } from "./images.js";
export { Letterbox, type FitOptions, type LetterboxSizes, type Size } from "./letterbox.js";
export type { Source } from "./module.js";
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
  type OverlayOptions,
  type PostprocessOptions,
  type Segmentation,
  type Segpost,
  type Want,
} from "./segpost.js";
