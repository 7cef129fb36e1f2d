/**
 * Exact tiling: windows with enough context around what each contributes.
 *
 * An image is thought of as padded at the bottom and right, by reflection, to the size that the network takes.
 * Windows never leave that padded image and touch its border exactly where it has one, so that a convolution's
 * own zero padding acts as it does on the whole. The same plan as `restorect_edge/inference/tiling.py`.
 */

import { RestorectError } from "./errors.js";
import type { Manifest, Size } from "./manifest.js";

/** Windows along an axis that are considered. */
const MOST_WINDOWS = 256;

/** One axis of a window: what is read, and which part of the result is kept. */
export interface Span {
  readonly start: number;
  readonly stop: number;
  readonly keepFrom: number;
  readonly keepTo: number;
}

/** A rectangle to restore, in pixels of the padded image. */
export interface Window {
  readonly rows: Span;
  readonly columns: Span;
}

/** Return the smallest allowed size that holds (height, width). */
export function padded(spec: Manifest["spec"], [height, width]: Size): Size {
  const { minimum, multiple_of: multiple } = spec.size;
  return [roundUp(Math.max(height, minimum), multiple), roundUp(Math.max(width, minimum), multiple)];
}

/** The halo rounded up to the size multiple, so that tiles start on the network's own grid. */
export function alignedHalo(spec: Manifest["spec"]): number {
  return roundUp(spec.halo ?? 0, spec.size.multiple_of);
}

/**
 * Cover a padded image with windows of one size.
 *
 * @throws RestorectError `input`: the window keeps nothing besides its halo.
 */
export function plan(image: Size, window: Size, halo: number): Window[] {
  const columns = spans(image[1], window[1], halo);
  return spans(image[0], window[0], halo).flatMap((rows) => columns.map((across) => ({ rows, columns: across })));
}

function spans(length: number, window: number, halo: number): Span[] {
  if (window >= length) return [{ start: 0, stop: window, keepFrom: 0, keepTo: length }];
  if (window <= 2 * halo) {
    throw new RestorectError(
      "input",
      `a window of ${window} pixels keeps nothing: this network needs ${halo} pixels of context on each side, ` +
        `so windows must be larger than ${2 * halo}`,
    );
  }
  const found: Span[] = [];
  for (let kept = 0; kept < length; ) {
    const start = Math.min(Math.max(kept - halo, 0), length - window);
    const stop = start + window;
    const keepTo = stop === length ? length : stop - halo;
    found.push({ start, stop, keepFrom: kept, keepTo });
    kept = keepTo;
  }
  return found;
}

/**
 * Return the window of at most `limit` pixels that covers a padded image with the least work.
 *
 * No side is cut below four halos, of which a window keeps two, even where `limit` asks for less.
 */
export function bestWindow(image: Size, limit: number, halo: number, multiple: number): Size {
  const rows = sides(image[0], halo, multiple);
  const columns = sides(image[1], halo, multiple);
  const choices = rows.flatMap(([down, height]) =>
    columns.map(([across, width]) => ({ height, width, area: height * width, work: down * height * across * width })),
  );
  const within = choices.filter((choice) => choice.area <= limit);
  const best =
    within.length > 0
      ? within.reduce((least, choice) => (choice.work < least.work ? choice : least))
      : choices.reduce((least, choice) => (choice.area < least.area ? choice : least));
  return [best.height, best.width];
}

/** For each number of windows along an axis, the side that makes them equally large. */
function sides(length: number, halo: number, multiple: number): [number, number][] {
  const found: [number, number][] = [[1, length]];
  for (let count = 2; count < MOST_WINDOWS; count++) {
    const side = Math.ceil((length + 2 * halo * (count - 1)) / (count * multiple)) * multiple;
    // more than half of such a window would be context, computed again by its neighbors
    if (side < 4 * halo) break;
    found.push([count, side]);
  }
  return found;
}

/** Indices start … stop−1 of an axis of `length` pixels continued by reflection about its ends. */
export function reflected(start: number, stop: number, length: number): Int32Array {
  const found = new Int32Array(stop - start);
  if (length === 1) return found;
  const period = 2 * (length - 1);
  for (let index = 0; index < found.length; index++) {
    const place = (start + index) % period;
    found[index] = place < length ? place : period - place;
  }
  return found;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
