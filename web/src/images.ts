/** Photographs that come in, and pictures that a canvas shows. */

import { asInput, type ArrayLike, type ColorImage, type InputArray } from "./arrays.js";
import { show, ValueError } from "./errors.js";

/** An ImageData, or RGB or RGBA bytes of shape [H, W, 3] or [H, W, 4]; [N, ...] of several. */
export type ImageLike = ImageData | ArrayLike;

/** Bytes of RGB or RGBA as (N, H, W, 3), by strides. */
export interface Photograph {
  readonly array: InputArray;
  readonly shape: readonly [number, number, number, number];
  readonly strides: readonly number[];
  readonly isBatch: boolean;
}

function isImageData(image: ImageLike): image is ImageData {
  return "width" in image && "height" in image && "data" in image;
}

/** Checks an image of a caller. */
export function asPhotograph(image: ImageLike, name: string): Photograph {
  if (typeof image !== "object" || image === null)
    throw new TypeError(
      `${name} must be an ImageData or {data, shape: [H, W, 3]}, got ${show(image)}`,
    );
  const array = isImageData(image)
    ? asInput({ data: image.data, shape: [image.height, image.width, 4] }, name)
    : asInput(image, name);
  const [channels = 0, w = 0, h = 0, n = 1] = [...array.shape].reverse();
  const isBatch = array.shape.length === 4;
  if (array.dtype !== "uint8")
    throw new TypeError(
      `${name} must be bytes, got ${array.dtype}; Uint8ClampedArray.from(data, (v) => 255 * v) of values in 0..1`,
    );
  if ((!isBatch && array.shape.length !== 3) || (channels !== 3 && channels !== 4))
    throw new ValueError(
      `${name} must have shape [H, W, 3], [H, W, 4] or [N, H, W, 3 or 4], got ${show(array.shape)}`,
    );
  const strides = [h * w * channels, w * channels, channels, 1];
  return { array, shape: [n, h, w, 3], strides, isBatch };
}

/** RGBA of one RGB image, opaque. */
export function toRgba(image: ColorImage): Uint8ClampedArray<ArrayBuffer> {
  const [h = 0, w = 0, channels = 0] = image.shape;
  if (image.shape.length !== 3 || channels !== 3)
    throw new ValueError(
      `image must have shape [H, W, 3], got ${show(image.shape)}; take one image of several`,
    );
  const pixels = new Uint32Array(h * w);
  const { data } = image;
  for (let i = 0, from = 0; i < pixels.length; ++i, from += 3)
    pixels[i] =
      (255 << 24) |
      ((data[from + 2] as number) << 16) |
      ((data[from + 1] as number) << 8) |
      (data[from] as number);
  return new Uint8ClampedArray(pixels.buffer);
}

/** An ImageData of one RGB image, for `context.putImageData`. */
export function toImageData(image: ColorImage): ImageData {
  const [h = 0, w = 0] = image.shape;
  return new ImageData(toRgba(image), w, h);
}
