/** What the prior looks at: means of blocks of the padded picture, and deviations inside them, as a square. */

import type { PriorSpec, Size } from "./manifest.js";
import type { Pixels } from "./pixels.js";
import { reflected } from "./tiling.js";

/** Planes of side × side values in [0, 1]: red, green and blue, then, where the prior takes it, the deviation of each. */
export interface Thumbnail {
  readonly values: Float32Array<ArrayBufferLike>;
  readonly side: number;
}

/** Return how many planes a thumbnail has. */
export function channels({ values, side }: Thumbnail): number {
  return values.length / (side * side);
}

/**
 * Return the means of blocks of `prior.pool` pixels and, with `prior.deviation`, the population standard deviation
 * inside each block, both resampled exactly by area.
 *
 * @param image the picture.
 * @param padded (height, width) that it is padded to, multiples of the pool.
 */
export function thumbnail(image: Pixels, padded: Size, prior: PriorSpec): Thumbnail {
  const [height, width] = [padded[0] / prior.pool, padded[1] / prior.pool];
  const side = prior.thumbnail;
  const cells = blockMoments(image, padded, prior);
  const narrow = resampled(cells, height, width, side, width, "rows");
  return { values: resampled(narrow, side, width, side, side, "columns"), side };
}

/** Means of blocks, then deviations, in planes. */
function blockMoments(image: Pixels, padded: Size, { pool, deviation }: PriorSpec): Float32Array<ArrayBuffer> {
  const across = padded[1] / pool;
  const area = (padded[0] / pool) * across;
  const cells = new Float32Array((deviation ? 6 : 3) * area);
  const columns = reflected(0, padded[1], image.width).map((column) => 4 * column);
  const rows = reflected(0, padded[0], image.height).map((row) => 4 * row * image.width);
  const write = deviation ? writeMoments : writeMeans;
  for (let cell = 0, top = 0; top < rows.length; top += pool) {
    const starts = rows.subarray(top, top + pool);
    for (let left = 0; left < columns.length; left += pool) {
      write(image.data, starts, columns, left, left + pool, cells, cell++, area);
    }
  }
  return cells;
}

/** Writes the means of one block, and its deviations: of the rows that start at `starts`, columns `left` to `right`. */
type Write = (
  data: Uint8ClampedArray,
  starts: Int32Array,
  columns: Int32Array,
  left: number,
  right: number,
  cells: Float32Array,
  cell: number,
  area: number,
) => void;

const writeMeans: Write = (data, starts, columns, left, right, cells, cell, area) => {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (const start of starts) {
    for (let x = left; x < right; x++) {
      const from = start + columns[x]!;
      red += data[from]!;
      green += data[from + 1]!;
      blue += data[from + 2]!;
    }
  }
  const unit = 1 / (starts.length * starts.length * 255);
  cells[cell] = red * unit;
  cells[cell + area] = green * unit;
  cells[cell + 2 * area] = blue * unit;
};

/** Variances are exact, since all sums are whole numbers below 2⁵³: rounding would be all that is left of flat areas. */
const writeMoments: Write = (data, starts, columns, left, right, cells, cell, area) => {
  let red = 0;
  let green = 0;
  let blue = 0;
  let reds = 0;
  let greens = 0;
  let blues = 0;
  for (const start of starts) {
    for (let x = left; x < right; x++) {
      const from = start + columns[x]!;
      const [r, g, b] = [data[from]!, data[from + 1]!, data[from + 2]!];
      red += r;
      green += g;
      blue += b;
      reds += r * r;
      greens += g * g;
      blues += b * b;
    }
  }
  const count = starts.length * starts.length;
  const unit = 1 / (count * 255);
  cells[cell] = red * unit;
  cells[cell + area] = green * unit;
  cells[cell + 2 * area] = blue * unit;
  cells[cell + 3 * area] = Math.sqrt(count * reds - red * red) * unit;
  cells[cell + 4 * area] = Math.sqrt(count * greens - green * green) * unit;
  cells[cell + 5 * area] = Math.sqrt(count * blues - blue * blue) * unit;
};

/** Area-average one axis of planes of height × width to the new height or width. */
function resampled(
  planes: Float32Array<ArrayBuffer>,
  height: number,
  width: number,
  newHeight: number,
  newWidth: number,
  axis: "rows" | "columns",
): Float32Array<ArrayBuffer> {
  const count = planes.length / (height * width);
  const out = new Float32Array(count * newHeight * newWidth);
  const step = axis === "rows" ? width : 1;
  const shares = axis === "rows" ? areaShares(height, newHeight) : areaShares(width, newWidth);
  let at = 0;
  for (let channel = 0; channel < count; channel++) {
    for (let y = 0; y < newHeight; y++) {
      for (let x = 0; x < newWidth; x++) {
        const { first, weights } = shares[axis === "rows" ? y : x]!;
        let from = channel * height * width + (axis === "rows" ? x : y * width) + first * step;
        let sum = 0;
        for (const weight of weights) {
          sum += weight * planes[from]!;
          from += step;
        }
        out[at++] = sum;
      }
    }
  }
  return out;
}

/** For each output cell, the input cells that it covers and the share of each; shares sum to 1. */
function areaShares(cells: number, size: number): { first: number; weights: number[] }[] {
  return Array.from({ length: size }, (_, index) => {
    const [from, to] = [(index * cells) / size, ((index + 1) * cells) / size];
    const first = Math.floor(from);
    const weights: number[] = [];
    for (let cell = first; cell < to; cell++) {
      weights.push(((Math.min(cell + 1, to) - Math.max(cell, from)) * size) / cells);
    }
    return { first, weights };
  });
}
