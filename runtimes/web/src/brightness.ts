/** The brightness of a video's restored frames; the same as `restorect_edge/inference/video/brightness.py`. */

type Floats = Float32Array<ArrayBufferLike>;

/** Blocks along each side of a picture, whose brightness is compared from frame to frame. */
const BLOCKS = 8;
/** How far, as a share, half of the blocks may change apart from each other in a scene that stands still. */
const STILL = 0.016;
/** Frames that a scene must have stood still for: one may resemble the one before by chance. */
const STREAK = 3;
/** Change apart from the others from which a block shows something that moves, as a share. */
const MOVED = 0.1;
/** Change of brightness from which it is the scene's own, as a share. */
const LARGEST = 0.2;
/** Level that a block counts with at least, so that ratios of black ones say little. */
const DARKEST = 0.1 / 255;

/** The visible part of a restored picture's three planes, each `plane` values of rows `stride` long. */
export interface Planes {
  readonly values: Floats;
  readonly plane: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The gain that holds the brightness of a scene that stands still.
 *
 * What is expected of each of 8×8 blocks follows what is seen, `e ← smooth·e + (1 − smooth)·seen`, and the gain
 * is the sum of what is expected over the sum of what is seen; blocks in which something moves are left out of
 * it. Where the blocks change apart from each other, the camera moves: the gain is 1, and the expectation
 * begins anew.
 */
export class BrightnessTrack {
  private expected: number[] | null = null;
  private still = 0;

  /** @param smooth share of the expectation kept from the frame before, from 0 (the gain is 1) to below 1. */
  constructor(readonly smooth: number) {}

  /** Return the gain of the next restored frame. */
  step(picture: Planes): number {
    if (this.smooth === 0) return 1;
    const seen = blocks(picture).map((level) => Math.max(level, DARKEST));
    const { expected, smooth } = this;
    const gain = expected && gainOf(expected, seen);
    if (expected === null || gain === null) {
      this.expected = seen;
      this.still = 0;
      return 1;
    }
    this.expected = expected.map((level, at) => smooth * level + (1 - smooth) * seen[at]!);
    this.still++;
    return this.still >= STREAK ? gain : 1;
  }

  /** Forget the scene. */
  reset(): void {
    this.expected = null;
    this.still = 0;
  }
}

/** What makes blocks as bright as expected; null where the scene does not stand still. */
function gainOf(expected: number[], seen: number[]): number | null {
  const ratios = seen.map((level, at) => level / expected[at]!);
  // the median is the change of the light: what moves covers fewer than half of the blocks
  const common = median(ratios);
  const apart = ratios.map((ratio) => Math.abs(ratio / common - 1));
  let [wanted, found] = [0, 0];
  for (const [at, off] of apart.entries()) {
    if (off > MOVED) continue;
    wanted += expected[at]!;
    found += seen[at]!;
  }
  const gain = wanted / found;
  // a lamp that is switched on is meant to show
  return median(apart) <= STILL && Math.abs(gain - 1) < LARGEST ? gain : null;
}

/** Mean levels of 8×8 blocks or fewer; rows and columns that are over are left out. */
function blocks({ values, plane, stride, width, height }: Planes): number[] {
  const [rows, columns] = [Math.min(BLOCKS, height), Math.min(BLOCKS, width)];
  const [tall, wide] = [Math.floor(height / rows), Math.floor(width / columns)];
  const sums = new Array<number>(rows * columns).fill(0);
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < rows * tall; row++) {
      let at = channel * plane + row * stride;
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (const end = at + wide; at < end; at++) sum += values[at]!;
        sums[Math.floor(row / tall) * columns + column]! += sum;
      }
    }
  }
  return sums.map((sum) => sum / (3 * tall * wide));
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
