/** What the prior looks at: means of blocks of the padded picture, then exact area resampling to a square. */

import type { Size } from "./manifest.js";
import type { Pixels } from "./pixels.js";
import { reflected } from "./tiling.js";

/**
 * Return the thumbnail, 3 planes of size × size in [0, 1].
 *
 * @param image the picture.
 * @param padded (height, width) that it is padded to, multiples of `pool`.
 * @param pool side of the blocks that are averaged first.
 */
export function thumbnail(image: Pixels, padded: Size, size: number, pool: number): Float32Array<ArrayBuffer> {
  const [height, width] = [padded[0] / pool, padded[1] / pool];
  const cells = blockMeans(image, padded, pool);
  const narrow = resampled(cells, height, width, size, width, "rows");
  return resampled(narrow, size, width, size, size, "columns");
}

function blockMeans(image: Pixels, [height, width]: Size, pool: number): Float32Array<ArrayBuffer> {
  const across = width / pool;
  const area = (height / pool) * across;
  const cells = new Float32Array(3 * area);
  const columns = reflected(0, width, image.width).map((column) => 4 * column);
  reflected(0, height, image.height).forEach((row, y) => {
    const start = 4 * row * image.width;
    let cell = Math.floor(y / pool) * across;
    for (let x = 0; x < width; cell++) {
      let [red, green, blue] = [0, 0, 0];
      for (const stop = x + pool; x < stop; x++) {
        const from = start + columns[x]!;
        red += image.data[from]!;
        green += image.data[from + 1]!;
        blue += image.data[from + 2]!;
      }
      cells[cell]! += red;
      cells[cell + area]! += green;
      cells[cell + 2 * area]! += blue;
    }
  });
  const unit = Math.fround(1 / (pool * pool * 255));
  return cells.map((sum) => sum * unit);
}

/** Area-average one axis of 3 planes of height × width to the new height or width. */
function resampled(
  planes: Float32Array<ArrayBuffer>,
  height: number,
  width: number,
  newHeight: number,
  newWidth: number,
  axis: "rows" | "columns",
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(3 * newHeight * newWidth);
  const step = axis === "rows" ? width : 1;
  const shares = axis === "rows" ? areaShares(height, newHeight) : areaShares(width, newWidth);
  let at = 0;
  for (let channel = 0; channel < 3; channel++) {
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
