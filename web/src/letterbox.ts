/** The geometry of an image that was resized and padded to a network's input. */

import { checkChoice, checkInteger, checkKeys, checkSize, show, ValueError } from "./errors.js";

export type Size = readonly [height: number, width: number];

export interface LetterboxSizes {
  /** The size of the image. */
  imageSize: Size;
  /** The size of the network's input, with padding. */
  inputSize: Size;
  /** The size of the resized image in the input. */
  contentSize: Size;
  /** The padding above and to the left; [0, 0] by default. */
  offset?: readonly [top: number, left: number];
}

export interface FitOptions {
  /** Where the image lies: "center" by default; TF1 DeepLab and mmseg use "top_left". */
  align?: "center" | "top_left";
  /** "pad" keeps the aspect ratio, "stretch" does not. */
  mode?: "pad" | "stretch";
}

/**
 * As `segpost.Letterbox` of Python.
 *
 * @example
 * const box = Letterbox.fit([375, 500], [513, 513]);
 * box.contentSize; // [385, 513]
 * segpost.argmax(logits, { letterbox: box }); // labels of 375 x 500 pixels
 */
export class Letterbox {
  readonly imageSize: Size;
  readonly inputSize: Size;
  readonly contentSize: Size;
  readonly offset: readonly [number, number];

  constructor(sizes: LetterboxSizes) {
    checkKeys(sizes, ["imageSize", "inputSize", "contentSize", "offset"], "Letterbox");
    this.imageSize = checkSize(sizes.imageSize, "imageSize");
    this.inputSize = checkSize(sizes.inputSize, "inputSize");
    this.contentSize = checkSize(sizes.contentSize, "contentSize");
    const [top, left] = sizes.offset ?? [0, 0];
    this.offset = [
      checkInteger(top, "the top of offset", -(2 ** 31), 2 ** 31 - 1),
      checkInteger(left, "the left of offset", -(2 ** 31), 2 ** 31 - 1),
    ];
    const lies = [0, 1].every((i) => {
      const start = this.offset[i as 0 | 1];
      return start >= 0 && start + this.contentSize[i as 0 | 1] <= this.inputSize[i as 0 | 1];
    });
    if (!lies)
      throw new ValueError(
        `contentSize ${show(this.contentSize)} at offset ${show(this.offset)} does not lie in inputSize ${show(this.inputSize)}`,
      );
  }

  /** The letterbox of images of one size in a network's input. */
  static fit(imageSize: Size, inputSize: Size, options: FitOptions = {}): Letterbox {
    checkKeys(options, ["align", "mode"], "Letterbox.fit");
    const image = checkSize(imageSize, "imageSize");
    const input = checkSize(inputSize, "inputSize");
    const align = checkChoice(options.align ?? "center", "align", ["center", "top_left"]);
    const mode = checkChoice(options.mode ?? "pad", "mode", ["pad", "stretch"]);
    const content = mode === "stretch" ? input : fitInside(image, input);
    const start = (i: 0 | 1) =>
      align === "top_left" ? 0 : Math.floor((input[i] - content[i]) / 2);
    return new Letterbox({
      imageSize: image,
      inputSize: input,
      contentSize: content,
      offset: [start(0), start(1)],
    });
  }
}

/** The largest size, rounded, with the image's aspect ratio that fits in a box. */
function fitInside(image: Size, box: Size): [number, number] {
  const [height, width, mostHeight, mostWidth] = [...image, ...box].map(BigInt) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const isTall = mostHeight * width <= mostWidth * height;
  const [numerator, denominator] = isTall ? [mostHeight, height] : [mostWidth, width];
  const scaled = (side: bigint) => {
    const rounded = (2n * side * numerator + denominator) / (2n * denominator);
    return Math.max(Number(rounded), 1);
  };
  return [scaled(height), scaled(width)];
}
