/** The regions of label maps: the pixels of one label of an image. */

import { asLabels, type ArrayLike, type InputArray } from "./arrays.js";
import { BadValuesError, checkInteger, checkKeys, show, showPlace } from "./errors.js";
import { compressCounts, type Rle } from "./masks.js";
import type { Module } from "./module.js";

const REGION_BYTES = 72; // segpost_region

export interface RegionOptions {
  /** Smaller regions, by their pixels, are left out. */
  minArea?: number;
  /** A label whose pixels are no region. */
  ignoreIndex?: number;
  /** Whether each has its run-length code; false by default. */
  rle?: boolean;
}

export interface Region {
  /** Which image of a batch; 0 of one image. */
  readonly image: number;
  readonly label: number;
  /** In pixels. */
  readonly area: number;
  /** The smallest box: x, y, width, height. */
  readonly box: readonly [number, number, number, number];
  /** x and y, of the centers of pixels. */
  readonly centroid: readonly [number, number];
  /** COCO's, where wanted. */
  readonly rle: Rle | undefined;
}

function readRegion(view: DataView, address: number, rle: Rle | undefined): Region {
  const integer = (i: number) => Number(view.getBigInt64(address + 8 * i, true));
  const [image, label, area, x, y, width, height] = [0, 1, 2, 3, 4, 5, 6].map(integer) as [
    number, number, number, number, number, number, number,
  ];
  const centroid = [view.getFloat64(address + 56, true), view.getFloat64(address + 64, true)] as const;
  return { image, label, area, box: [x, y, width, height], centroid, rle };
}

/** The error of labels that a number of JavaScript would round. */
function badLabels({ parts }: InputArray, h: number, w: number): BadValuesError {
  let start = 0; // of a part in the whole array
  let bad = 0;
  let first = -1;
  let firstLabel: number | bigint | undefined;
  for (const labels of parts) {
    for (let i = 0; i < labels.length; ++i)
      if (!Number.isSafeInteger(Number(labels[i])) && bad++ === 0)
        [first, firstLabel] = [start + i, labels[i]];
    start += labels.length;
  }
  return new BadValuesError(
    `labels have ${bad} values outside -(2**53 - 1)..2**53 - 1, which a number of JavaScript rounds, ` +
      `first ${firstLabel} at ${showPlace(first, h, w)}`,
    bad,
    first,
  );
}

export function findRegions(module: Module, labels: ArrayLike, options: RegionOptions): Region[] {
  checkKeys(options, ["minArea", "ignoreIndex", "rle"], "regions");
  const array = asLabels(labels, "labels");
  const { rle = false } = options;
  if (typeof rle !== "boolean") throw new TypeError(`rle must be true or false, got ${show(rle)}`);
  const ignored = options.ignoreIndex;
  if (ignored !== undefined) checkInteger(ignored, "ignoreIndex", -(2 ** 53), 2 ** 53);
  const least = checkInteger(options.minArea ?? 0, "minArea", 0, 2 ** 53);
  const [w = 0, h = 0, n = 1] = [...array.shape].reverse();
  return module.scoped((scope) => {
    const input = scope.input(array, [n, h, w]);
    const count = scope.allocate(8);
    const table = scope.fit("regions", 256, REGION_BYTES, (address, capacity) => [
      input,
      address,
      capacity,
      count,
    ]);
    const regions = Number(module.view().getBigInt64(count, true));
    let codes: Rle[] = [];
    if (rle) {
      const ends = scope.allocate(8 * regions);
      const counts = scope.fit("regionCounts", 64 * regions, 8, (address, capacity) => [
        input,
        address,
        capacity,
        ends,
        BigInt(regions),
      ]);
      codes = compressCounts(scope, { counts, ends, masks: regions }, [h, w]);
    }
    const view = module.view();
    const all = Array.from({ length: regions }, (_, i) =>
      readRegion(view, table + REGION_BYTES * i, codes[i]),
    );
    if (!all.every(({ label }) => Number.isSafeInteger(label))) throw badLabels(array, h, w);
    return all.filter(({ area, label }) => area >= least && label !== ignored);
  });
}
