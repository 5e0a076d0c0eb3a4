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

function checkBytes({ dtype }: InputArray, name: string): void {
  if (dtype === "uint8") return;
  throw new TypeError(
    `${name} must be bytes, got ${dtype}; Uint8ClampedArray.from(data, (v) => 255 * v) of values in 0..1`,
  );
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
  checkBytes(array, name);
  if ((!isBatch && array.shape.length !== 3) || (channels !== 3 && channels !== 4))
    throw new ValueError(
      `${name} must have shape [H, W, 3], [H, W, 4] or [N, H, W, 3 or 4], got ${show(array.shape)}`,
    );
  const strides = [h * w * channels, w * channels, channels, 1];
  return { array, shape: [n, h, w, 3], strides, isBatch };
}

/** RGBA of one RGB image, opaque. */
export function toRgba(image: ColorImage): Uint8ClampedArray<ArrayBuffer> {
  return paint(image).pixels;
}

/** An ImageData of one RGB image, for `context.putImageData`. */
export function toImageData(image: ColorImage): ImageData {
  const { pixels, w, h } = paint(image);
  if (typeof ImageData === "undefined")
    throw new Error("there is no ImageData here, as in node; toRgba gives its pixels");
  if (pixels.length === 0)
    throw new ValueError(`image has no pixels, and an ImageData has one at least: it is ${h} x ${w}`);
  return new ImageData(pixels, w, h);
}

function paint(image: ColorImage): { pixels: Uint8ClampedArray<ArrayBuffer>; w: number; h: number } {
  const array = asInput(image, "image");
  checkBytes(array, "image");
  const [h = 0, w = 0, channels = 0] = array.shape;
  if (array.shape.length !== 3 || channels !== 3)
    throw new ValueError(
      `image must have shape [H, W, 3], got ${show(array.shape)}; take one image of several`,
    );
  const pixels = new Uint32Array(h * w);
  let i = 0;
  for (const data of array.parts)
    for (let from = 0; from < data.length; from += 3)
      pixels[i++] =
        (255 << 24) |
        ((data[from + 2] as number) << 16) |
        ((data[from + 1] as number) << 8) |
        (data[from] as number);
  return { pixels: new Uint8ClampedArray(pixels.buffer), w, h };
}
