/** What is refused, and how that is said. */

/** An argument has a value that segpost refuses; the message says what came, and the cure. */
export class ValueError extends RangeError {
  override name = "ValueError";
}

/**
 * An array has values that segpost refuses: `count` of them, the first at the flat index `first` of
 * the caller's data. Where infinities meet, they are pixels of the result, and `first` is its index.
 */
export class BadValuesError extends ValueError {
  override name = "BadValuesError";

  constructor(
    message: string,
    readonly count: number,
    readonly first: number,
  ) {
    super(message);
  }
}

/** The memory of the module, 2 GB at most, is full. */
export class OutOfMemoryError extends Error {
  override name = "OutOfMemoryError";
}

/** Threads cannot be had here, did not start, or are gone; or the module is closed. */
export class ThreadError extends Error {
  override name = "ThreadError";
}

/** The place of a pixel, by its flat index in images of h x w pixels, or of a class of it. */
export function showPlace(pixel: number, h: number, w: number, label?: number): string {
  const inside = label === undefined ? "" : `class ${label}, `;
  return `image ${Math.floor(pixel / (h * w))}, ${inside}y ${Math.floor(pixel / w) % h}, x ${pixel % w}`;
}

const MOST_ENTRIES = 8;
const MOST_LEVELS = 2;
const MOST_CHARACTERS = 80;

/** Any value as an error shows it; of a long one the beginning, and how long it is. */
export function show(value: unknown): string {
  return showInside(value, 0);
}

function showInside(value: unknown, level: number): string {
  if (typeof value === "string") return showText(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) {
    const most = level < MOST_LEVELS ? MOST_ENTRIES : 0;
    return `[${listBeginning(value, most, (one) => showInside(one, level + 1))}]`;
  }
  if (typeof value === "object" && value !== null) {
    const name = value.constructor?.name ?? "Object";
    const keys = () => listBeginning(Object.keys(value), MOST_ENTRIES, String);
    return name === "Object" ? `an object of ${keys() || "nothing"}` : name;
  }
  return String(value);
}

function showText(text: string): string {
  if (text.length <= MOST_CHARACTERS) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, MOST_CHARACTERS))}... of ${text.length} characters`;
}

function listBeginning<T>(list: readonly T[], most: number, write: (one: T) => string): string {
  const shown = Array.from(list.slice(0, most), write);
  return [...shown, ...(list.length > most ? [`... of ${list.length}`] : [])].join(", ");
}

/** Refuses keys of options that no function has, since a misspelled one would do nothing. */
export function checkKeys(options: object, known: readonly string[], what: string): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${what} must be an object of options, got ${show(options)}`);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new TypeError(`${what} has no option ${show(key)}; there are ${known.join(", ")}`);
  }
}

/** One of some words. */
export function checkChoice<T extends string>(value: T, name: string, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw new ValueError(`${name} must be one of ${choices.map(show).join(", ")}, got ${show(value)}`);
}

/** An integer between two others. */
export function checkInteger(value: unknown, name: string, low: number, high: number): number {
  if (typeof value !== "number" || !Number.isInteger(value))
    throw new TypeError(`${name} must be an integer, got ${show(value)}`);
  if (value < low || value > high)
    throw new ValueError(`${name} must be in ${low}..${high}, got ${value}`);
  return value;
}

/** A finite number. */
export function checkNumber(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value))
    throw new TypeError(`${name} must be a finite number, got ${show(value)}`);
  return value;
}

/** A size [height, width]. */
export function checkSize(value: unknown, name: string, low = 1): [number, number] {
  if (!Array.isArray(value) || value.length !== 2)
    throw new TypeError(`${name} must be [height, width], got ${show(value)}`);
  return [
    checkInteger(value[0], `the height of ${name}`, low, 2 ** 31 - 1),
    checkInteger(value[1], `the width of ${name}`, low, 2 ** 31 - 1),
  ];
}
