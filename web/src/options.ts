/** The options of functions that read logits, as the struct segpost_argmax_options. */

import { asInput, isInteger, type ArrayLike, type InputArray, type TypedArray } from "./arrays.js";
import {
  BadValuesError,
  checkChoice,
  checkNumber,
  checkSize,
  show,
  showPlace,
  ValueError,
} from "./errors.js";
import { Letterbox, type Size } from "./letterbox.js";
import type { Explain, Scope } from "./module.js";

export type Grid = "half_pixel" | "align_corners" | "asymmetric";
export const GRIDS = ["half_pixel", "align_corners", "asymmetric"] as const;
export const NAN_RULES = ["raise", "propagate"] as const;
const OPTIONS_BYTES = 88;
const LETTERBOX_BYTES = 64;

/** How logits become labels. */
export interface LogitsOptions {
  /** The class axis: -3 is [C, h, w] or [N, C, h, w], the default; -1 is [h, w, C] or [N, h, w, C]. */
  axis?: -3 | -1;
  /** The size of the result, to which logits are upsampled; by default that of the logits. */
  size?: Size;
  /** The coordinate transformation, named as in ONNX Resize; "half_pixel" by default. */
  grid?: Grid;
  /** The geometry of the network's input: results have the size of the image. */
  letterbox?: Letterbox;
  /** NaN is an error, or the first NaN wins. */
  nan?: "raise" | "propagate";
  /** For logits of one class: label 1 where sigmoid(logit) > threshold. */
  threshold?: number;
  /** [scale, zeroPoint] of integer logits. */
  quantization?: readonly [scale: number, zeroPoint: number];
}

export const LOGITS_KEYS = [
  "axis",
  "size",
  "grid",
  "letterbox",
  "nan",
  "threshold",
  "quantization",
] as const;

/** What else a function of the module reads from the same struct, as addresses. */
export interface PictureFields {
  fast?: boolean;
  palette?: number;
  paletteSize?: number;
  image?: number;
  alpha?: number;
  alphaCount?: number;
}

/** Logits as (N, C, h, w), by strides, and the size of what is made of them. */
export class Logits {
  readonly array: InputArray;
  readonly isBatch: boolean;
  readonly shape: readonly [number, number, number, number];
  readonly size: Size;
  /** Scale and zero point; a scale of 0 where there are none. */
  readonly quantization: readonly [number, number];
  private readonly strides: readonly number[];

  constructor(
    logits: ArrayLike,
    private readonly options: LogitsOptions,
    target?: Size,
    private readonly name = "logits",
    makesLabels = true,
  ) {
    this.array = asInput(logits, name);
    const { shape } = this.array;
    const axis = options.axis ?? -3;
    if (axis !== -3 && axis !== -1)
      throw new ValueError(`axis must be -3 (classes first) or -1 (classes last), got ${show(axis)}`);
    if (shape.length !== 3 && shape.length !== 4)
      throw new ValueError(
        `${name} must have 3 or 4 dimensions, ` +
          (axis === -3 ? "[C, h, w] or [N, C, h, w]" : "[h, w, C] or [N, h, w, C]") +
          `, got shape ${show(shape)}`,
      );
    if (this.array.dtype.endsWith("int64"))
      throw new TypeError(`${name} of ${this.array.dtype} may be labels; logits are numbers of 32 bits at most, or floats`);
    this.isBatch = shape.length === 4;
    const [n, a, b, c] = [this.isBatch ? shape[0] : 1, ...shape.slice(-3)] as [number, number, number, number];
    this.shape = axis === -3 ? [n, a, b, c] : [n, c, a, b];
    this.strides = axis === -3 ? [a * b * c, b * c, c, 1] : [a * b * c, 1, b * c, c];
    this.size = this.outputSize(target);
    if (this.shape[1] === 0) throw new ValueError(`${name} have no classes: shape ${show(shape)}`);
    this.quantization = this.asQuantization();
    if (makesLabels) this.checkThreshold();
  }

  /** How many labels there can be. */
  get classes(): number {
    return this.shape[1] === 1 ? 2 : this.shape[1];
  }

  /** Whether the classes come last. */
  get isLast(): boolean {
    return this.options.axis === -1;
  }

  /** Refuses integers without a quantization, of which a softmax or a sigmoid means nothing. */
  checkReal(activation: "softmax" | "sigmoid", purpose = "", more = ""): void {
    if (!isInteger(this.array.dtype) || this.options.quantization !== undefined) return;
    throw new TypeError(
      `${this.name} are ${this.array.dtype}: ${purpose}pass quantization: [scale, zeroPoint]; ` +
        `a ${activation} of raw integers means nothing${more}`,
    );
  }

  /** How errors say what is bad: a NaN has a class, and an index in the caller's data. */
  explain(cure: string): Explain {
    return (message, count, first) => {
      if (!message.startsWith(`logits have ${count} NaN`))
        return new BadValuesError(message + cure, count, first);
      const [, classes, h, w] = this.shape;
      const [ofImage, ofClass, ofRow, ofColumn] = this.strides as [number, number, number, number];
      const row = Math.floor(first / (h * w)) * ofImage + (Math.floor(first / w) % h) * ofRow;
      let place = row + (first % w) * ofColumn;
      let label = 0;
      for (; label < classes - 1 && !isNanAt(this.array, place); ++label) place += ofClass;
      return new BadValuesError(
        `${this.name} have ${count} NaN, first at ${showPlace(first, h, w, label)}; ` +
          `look for a float16 overflow or a division by zero in the network${cure}`,
        count,
        place,
      );
    };
  }

  input(scope: Scope): number {
    return scope.input(this.array, this.shape, this.strides);
  }

  /** The struct of options. */
  write(scope: Scope, fields: PictureFields = {}): number {
    const { grid, nan, threshold, letterbox } = this.options;
    const [scale, zeroPoint] = this.quantization;
    const box = letterbox === undefined ? 0 : writeLetterbox(scope, letterbox);
    const address = scope.allocate(OPTIONS_BYTES);
    scope.module.bytes(address, OPTIONS_BYTES).fill(0);
    const view = scope.module.view();
    view.setUint32(address, OPTIONS_BYTES, true);
    view.setInt32(address + 4, GRIDS.indexOf(checkChoice(grid ?? "half_pixel", "grid", GRIDS)), true);
    view.setInt32(address + 8, NAN_RULES.indexOf(checkChoice(nan ?? "raise", "nan", NAN_RULES)), true);
    view.setInt32(address + 12, threshold === undefined ? 0 : 1, true);
    view.setInt32(address + 16, fields.fast ? 1 : 0, true);
    view.setFloat64(address + 24, threshold === undefined ? 0 : Math.log(threshold / (1 - threshold)), true);
    view.setFloat64(address + 32, scale, true);
    view.setFloat64(address + 40, zeroPoint, true);
    view.setUint32(address + 48, fields.palette ?? 0, true);
    view.setBigInt64(address + 56, BigInt(fields.paletteSize ?? 0), true);
    view.setUint32(address + 64, fields.image ?? 0, true);
    view.setUint32(address + 68, fields.alpha ?? 0, true);
    view.setBigInt64(address + 72, BigInt(fields.alphaCount ?? 0), true);
    view.setUint32(address + 80, box, true);
    return address;
  }

  private outputSize(target?: Size): Size {
    const { size, letterbox } = this.options;
    if (letterbox !== undefined) {
      if (!(letterbox instanceof Letterbox))
        throw new TypeError(`letterbox must be a Letterbox, got ${show(letterbox)}`);
      if (size !== undefined)
        throw new ValueError("size and letterbox exclude each other: results have the size of the letterbox's image");
      return letterbox.imageSize;
    }
    if (size !== undefined) return checkSize(size, "size");
    const own: Size = [this.shape[2], this.shape[3]];
    return target && target[0] >= own[0] && target[1] >= own[1] ? target : own;
  }

  private asQuantization(): readonly [number, number] {
    const { quantization } = this.options;
    if (quantization === undefined) return [0, 0];
    if (!Array.isArray(quantization) || quantization.length !== 2)
      throw new TypeError(`quantization must be [scale, zeroPoint], got ${show(quantization)}`);
    if (!isInteger(this.array.dtype))
      throw new TypeError(`quantization is for integer ${this.name}, got ${this.array.dtype}`);
    const scale = checkNumber(quantization[0], "the scale of quantization");
    if (!(scale > 0)) throw new ValueError(`the scale of quantization must be positive, got ${scale}`);
    return [scale, checkNumber(quantization[1], "the zero point of quantization")];
  }

  private checkThreshold(): void {
    const { threshold } = this.options;
    const classes = this.shape[1];
    if (threshold === undefined && classes === 1)
      throw new ValueError(
        `${this.name} have one class, so that every label would be 0; threshold: 0.5 is for a sigmoid head`,
      );
    if (threshold === undefined) return;
    if (classes !== 1)
      throw new ValueError(`threshold is for ${this.name} of one class, got ${classes}; leave it out`);
    if (!(checkNumber(threshold, "threshold") > 0 && threshold < 1))
      throw new ValueError(`threshold must be between 0 and 1, got ${threshold}`);
  }
}

function isNanAt({ parts, dtype }: InputArray, place: number): boolean {
  const { length } = parts[0] as TypedArray;
  const part = parts[Math.floor(place / length)] as TypedArray;
  const value = Number(part[place % length]);
  const isBits = dtype === "float16" && part instanceof Uint16Array;
  return isBits ? (value & 0x7fff) > 0x7c00 : Number.isNaN(value);
}

function writeLetterbox(scope: Scope, box: Letterbox): number {
  const address = scope.allocate(LETTERBOX_BYTES);
  const view = scope.module.view();
  [...box.imageSize, ...box.inputSize, ...box.contentSize, ...box.offset].forEach((side, i) =>
    view.setBigInt64(address + 8 * i, BigInt(side), true),
  );
  return address;
}
