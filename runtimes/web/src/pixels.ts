/** Pixels as canvases hold them, RGBA in bytes, and as networks take them: planes of float32 in [0, 1]. */

import { RestorectError } from "./errors.js";
import type { Size } from "./manifest.js";
import { reflected, type Span, type Window } from "./tiling.js";

/** A picture: height × width × 4 bytes, RGBA. Alpha is ignored, and written as 255. */
export interface Pixels {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

// a product in float32 as in Python and C++: a quotient differs in the last bit
const UNIT = Float32Array.from({ length: 256 }, (_, level) => level * Math.fround(1 / 255));

/** An opaque picture of zeros. */
export function blank(width: number, height: number): Pixels {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let alpha = 3; alpha < data.length; alpha += 4) data[alpha] = 255;
  return { data, width, height };
}

/** Write a window of the padded picture into `out`, 3 planes of its sides. */
export function toPlanes(image: Pixels, window: Window, out: Float32Array): void {
  const rows = reflected(window.rows.start, window.rows.stop, image.height);
  const columns = reflected(window.columns.start, window.columns.stop, image.width).map((column) => 4 * column);
  const plane = rows.length * columns.length;
  let at = 0;
  for (const row of rows) {
    const start = 4 * row * image.width;
    for (const column of columns) {
      const from = start + column;
      out[at] = UNIT[image.data[from]!]!;
      out[at + plane] = UNIT[image.data[from + 1]!]!;
      out[at + 2 * plane] = UNIT[image.data[from + 2]!]!;
      at++;
    }
  }
}

/** Write a window of the padded picture into `out`, R, G, B of pixel after pixel. */
export function toLevels(image: Pixels, window: Window, out: Uint8Array): void {
  const columns = reflected(window.columns.start, window.columns.stop, image.width).map((column) => 4 * column);
  let at = 0;
  for (const row of reflected(window.rows.start, window.rows.stop, image.height)) {
    const start = 4 * row * image.width;
    for (const column of columns) {
      for (let channel = 0; channel < 3; channel++) out[at++] = image.data[start + column + channel]!;
    }
  }
}

/** Levels, R, G, B of pixel after pixel, as planes in [0, 1]. */
export function planesOf(levels: Uint8Array): Float32Array {
  const plane = levels.length / 3;
  return Float32Array.from({ length: levels.length }, (_, at) => UNIT[levels[3 * (at % plane) + Math.floor(at / plane)]!]!);
}

/**
 * Write what a window keeps of its restored planes into the result, limited to [0, 1] and rounded.
 *
 * @param size sides of the window, before scaling.
 * @param gain factor of the values.
 * @throws RestorectError `backend`: a value is not a number.
 */
export function fromPlanes(planes: Float32Array, size: Size, window: Window, scale: number, out: Pixels, gain = 1): void {
  const rows = kept(window.rows, out.height, scale);
  const columns = kept(window.columns, out.width, scale);
  const width = size[1] * scale;
  const plane = size[0] * scale * width;
  const levels = Math.fround(255 * gain);
  let sum = 0;
  for (let row = rows.from; row < rows.to; row++) {
    let at = (row - rows.origin) * width + columns.from - columns.origin;
    let to = 4 * (row * out.width + columns.from);
    for (let column = columns.from; column < columns.to; column++, at++, to += 4) {
      const red = planes[at]!;
      const green = planes[at + plane]!;
      const blue = planes[at + 2 * plane]!;
      sum += red + green + blue;
      out.data[to] = Math.fround(red * levels); // a clamped array limits, and rounds half to even
      out.data[to + 1] = Math.fround(green * levels);
      out.data[to + 2] = Math.fround(blue * levels);
    }
  }
  // one check for all values: a sum with a value that is not a number is none
  if (Number.isNaN(sum)) {
    throw new RestorectError("backend", "the network gave values that are not numbers (NaN) for this picture");
  }
}

function kept(span: Span, length: number, scale: number): { from: number; to: number; origin: number } {
  return { from: span.keepFrom * scale, to: Math.min(span.keepTo * scale, length), origin: span.start * scale };
}
