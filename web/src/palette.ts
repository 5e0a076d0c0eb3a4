/** Colors and names of classes. */

import { checkInteger, checkKeys, show, ValueError } from "./errors.js";
import { ALIASES, DISTINCT, PALETTES } from "./palettes.js";

export type Color = readonly [red: number, green: number, blue: number];

/** The name of a palette of a public data set. */
export type PaletteName = keyof typeof PALETTES;

export interface PaletteOptions {
  /** Class names, one a color. */
  names?: readonly string[];
  /** The color of `ignoreIndex`; black by default. */
  void?: Color;
  /** The label that means "no class". */
  ignoreIndex?: number;
}

/** What functions take as a palette. */
export type PaletteLike = Palette | PaletteName | (string & {}) | readonly Color[];

function asColor(color: unknown, name: string): Color {
  if (!Array.isArray(color) || color.length !== 3)
    throw new TypeError(`${name} must be [red, green, blue], got ${show(color)}`);
  for (const value of color) checkInteger(value, name, 0, 255);
  return [color[0], color[1], color[2]];
}

function readColor(hex: string): Color {
  const value = parseInt(hex, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function readColors(hex: string): Color[] {
  return (hex.match(/.{6}/g) ?? []).map(readColor);
}

/**
 * A color and a name for every class; as `segpost.Palette` of Python.
 *
 * @example
 * const palette = new Palette([[0, 0, 0], [255, 0, 0]], { names: ["road", "car"] });
 * palette.color(1); // [255, 0, 0]
 */
export class Palette {
  readonly colors: readonly Color[];
  readonly names: readonly string[] | undefined;
  readonly void: Color | undefined;
  readonly ignoreIndex: number | undefined;

  constructor(colors: readonly Color[], options: PaletteOptions = {}) {
    checkKeys(options, ["names", "void", "ignoreIndex"], "Palette");
    if (!Array.isArray(colors) || colors.length === 0)
      throw new TypeError(`colors must be a list of [red, green, blue], got ${show(colors)}`);
    if (colors.length > 65536)
      throw new ValueError(`colors must be 65536 at most, got ${colors.length}`);
    this.colors = colors.map((color, i) => asColor(color, `colors[${i}]`));
    if (options.names !== undefined && options.names.length !== colors.length)
      throw new ValueError(
        `names must have ${colors.length} entries, one a color, got ${options.names.length}`,
      );
    this.names = options.names;
    this.ignoreIndex =
      options.ignoreIndex === undefined
        ? undefined
        : checkInteger(options.ignoreIndex, "ignoreIndex", -(2 ** 31), 2 ** 31 - 1);
    const black: Color | undefined = this.ignoreIndex === undefined ? undefined : [0, 0, 0];
    this.void = options.void === undefined ? black : asColor(options.void, "void");
  }

  /** The palette of a public data set: its error lists those there are. */
  static named(name: PaletteName | (string & {})): Palette {
    if (typeof name !== "string") throw new TypeError(`name must be a string, got ${show(name)}`);
    const key = name.toLowerCase().replace(/[- ]/g, "_");
    const known = PALETTES[(ALIASES[key] ?? key) as PaletteName];
    if (known === undefined)
      throw new ValueError(
        `there is no palette named ${show(name)}; known are ${Object.keys(PALETTES).join(", ")}`,
      );
    return new Palette(readColors(known.colors), {
      names: known.names,
      ...(known.void === null ? {} : { void: readColor(known.void) }),
      ...(known.ignoreIndex === null ? {} : { ignoreIndex: known.ignoreIndex }),
    });
  }

  /** `n` colors that are far from each other to the eye. */
  static distinct(n: number): Palette {
    const colors = readColors(DISTINCT);
    return new Palette(colors.slice(0, checkInteger(n, "n", 1, colors.length)));
  }

  get length(): number {
    return this.colors.length;
  }

  /** The color of a label. */
  color(label: number): Color {
    if (label === this.ignoreIndex && this.void) return this.void;
    return this.colors[checkInteger(label, "label", 0, this.length - 1)] as Color;
  }

  /** The name of a label, or its number if the palette has no names. */
  name(label: number): string {
    if (label === this.ignoreIndex) return "void";
    checkInteger(label, "label", 0, this.length - 1);
    return this.names?.[label] ?? String(label);
  }

  /** The colors of labels, three bytes each, and void's last. */
  table(): Uint8Array {
    const rows = this.colors.map((_, label) => this.color(label));
    return Uint8Array.from([...rows, this.void ?? [0, 0, 0]].flat());
  }
}

/** The palette of an argument. */
export function asPalette(palette: PaletteLike | undefined, needed: string): Palette {
  if (palette instanceof Palette) return palette;
  if (typeof palette === "string") return Palette.named(palette);
  if (Array.isArray(palette)) return new Palette(palette);
  throw new TypeError(
    `palette must be a Palette, the name of one or a list of [red, green, blue], got ${show(palette)}; ${needed}`,
  );
}
