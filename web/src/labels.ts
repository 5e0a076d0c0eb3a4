/** Label maps for tables of colors: void is the class after the last one. */

import { asLabels, type ArrayLike, type InputArray, type TypedArray } from "./arrays.js";
import { BadValuesError, show, showPlace, ValueError } from "./errors.js";
import type { Palette } from "./palette.js";

export type Shape3 = readonly [number, number, number];

export interface Labels {
  readonly array: InputArray;
  readonly shape: Shape3;
  readonly isBatch: boolean;
}

/** Checks a label map, and makes labels that are void those of the last color of the table. */
export function asPaletteLabels(value: ArrayLike, palette: Palette): Labels {
  const array = asLabels(value, "labels");
  const [w = 0, h = 0, n = 1] = [...array.shape].reverse();
  const labels: Labels = { array, shape: [n, h, w], isBatch: array.shape.length === 3 };
  if (palette.ignoreIndex === undefined) return labels;
  const parts = moveVoid(array, palette);
  const is32 = parts[0] instanceof Int32Array;
  return { ...labels, array: { ...array, parts, dtype: is32 ? "int32" : array.dtype } };
}

/** Copies whose void is the class after the last one. */
function moveVoid({ parts, shape }: InputArray, palette: Palette): TypedArray[] {
  const classes = palette.length;
  const ignored = palette.ignoreIndex as number;
  let start = 0; // of a part in the whole array
  let bad = 0;
  let first = -1;
  let firstLabel: number | bigint | undefined;
  const copies = parts.map((labels) => {
    const isSame = labels instanceof Uint8Array && classes < 256;
    const moved = isSame ? new Uint8Array(labels) : new Int32Array(labels.length);
    for (let i = 0; i < labels.length; ++i) {
      const label = Number(labels[i]);
      if (label === ignored) moved[i] = classes;
      else if (label >= 0 && label < classes) moved[i] = label;
      else if (bad++ === 0) [first, firstLabel] = [start + i, labels[i]];
    }
    start += labels.length;
    return moved;
  });
  if (bad === 0) return copies;
  const w = shape.at(-1) as number;
  const h = shape.at(-2) as number;
  throw new BadValuesError(
    `labels have ${bad} values outside 0..${classes - 1} that are not ${ignored}, first ${firstLabel} at ${showPlace(first, h, w)}`,
    bad,
    first,
  );
}

/** Weights of a table's colors: one for all, or one a class and their mean for void. */
export function asWeights(alpha: number | readonly number[], palette: Palette): Float64Array {
  const list = typeof alpha === "number" ? palette.colors.map(() => alpha) : alpha;
  if (!Array.isArray(list) || list.length !== palette.length)
    throw new ValueError(
      `alpha must be a number or ${palette.length} numbers, one a color, got ${Array.isArray(list) ? list.length : show(alpha)}`,
    );
  for (const weight of list)
    if (!(typeof weight === "number" && weight >= 0 && weight <= 1))
      throw new ValueError(`alpha must be in 0..1, got ${show(weight)}`);
  const steps = list.map((weight: number) => roundHalfEven(256 * weight));
  const mean = steps.reduce((sum: number, step: number) => sum + step, 0) / steps.length;
  const weights = Float64Array.from([...steps, roundHalfEven(mean)], (step) => step / 256);
  const ignored = palette.ignoreIndex ?? -1;
  if (ignored in palette.colors) weights[ignored] = weights[palette.length] as number;
  return weights;
}

/** As IEEE 754 rounds. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
