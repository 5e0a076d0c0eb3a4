/** What is refused, and how that is said. */

/** An argument has a value that segpost refuses; the message says what came, and the cure. */
export class ValueError extends RangeError {
  override name = "ValueError";
}

/** An array has values that segpost refuses: `count` of them, the first at the flat index `first`. */
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

/** Any value as an error shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const name = value.constructor?.name ?? "Object";
    return name === "Object" ? `an object of ${Object.keys(value).join(", ") || "nothing"}` : name;
  }
  return String(value);
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
