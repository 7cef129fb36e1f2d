/** The latent of a video, frame by frame; the same as `restorect_edge/inference/video/stream.py`. */

import { BrightnessTrack } from "./brightness.js";
import { RestorectError } from "./errors.js";
import type { Thumbnail } from "./thumbnail.js";

type Floats = Float32Array<ArrayBufferLike>;

/** `changed` from which a thumbnail shows another scene. */
export const CUT = 0.5;

/**
 * Return how different two thumbnails are: mean absolute difference over mean level, 0 to 2.
 *
 * Of the means alone: deviations, where there are any, are noise and texture, which change with a camera's gain.
 */
export function changed(before: Thumbnail, after: Thumbnail): number {
  const means = 3 * after.side * after.side;
  let [level, off] = [0, 0];
  for (let at = 0; at < means; at++) {
    level += before.values[at]! + after.values[at]!;
    off += Math.abs(after.values[at]! - before.values[at]!);
  }
  // a level at least: between black thumbnails, noise alone would be a cut
  return off / means / Math.max(level / (2 * means), 1 / 255);
}

/**
 * Every `priorEvery` frames the prior gives a target. The latent goes towards it on every frame,
 * `z ← smooth·z + (1 − smooth)·target`, and is set to it at once at the start and after a cut.
 */
export class LatentTrack {
  /** How often the prior ran. */
  priors = 0;
  /** How many cuts between scenes were seen. */
  cuts = 0;
  /** Of the restored frames; a cut begins it anew. */
  readonly brightness: BrightnessTrack;
  private since = 0;
  private before: Thumbnail | null = null;
  private target: Floats | null = null;
  private z: Floats | null = null;

  /**
   * @param priorEvery frames from one run of the prior to the next, so also how long a cut may go unseen.
   * @param smooth share of the latent kept from the frame before, from 0 (none) to below 1.
   * @throws RestorectError `input`: values out of range.
   */
  constructor(
    readonly priorEvery: number,
    readonly smooth: number,
  ) {
    if (!(Number.isInteger(priorEvery) && priorEvery >= 1)) {
      throw new RestorectError("input", `priorEvery is a whole number of frames from 1, got ${priorEvery}`);
    }
    if (!(smooth >= 0 && smooth < 1)) {
      throw new RestorectError("input", `smooth is from 0 to below 1, got ${smooth}; 0 switches it off`);
    }
    this.brightness = new BrightnessTrack(smooth);
  }

  /**
   * Return the latent of the next frame.
   *
   * @param thumbnail computes what the prior looks at; called when it is the prior's turn only.
   * @param prior runs the prior on it.
   */
  async step(thumbnail: () => Thumbnail, prior: (thumbnail: Thumbnail) => Promise<Floats>): Promise<Floats> {
    let target = this.target;
    if (target === null || this.since === this.priorEvery) target = await this.update(thumbnail(), prior);
    this.since++;
    const { z, smooth } = this;
    this.z = z === null ? target : z.map((value, index) => smooth * value + (1 - smooth) * target[index]!);
    return this.z;
  }

  /** Forget the scene, so that the next frame's own latent counts. */
  reset(): void {
    this.before = this.target = this.z = null;
    this.brightness.reset();
  }

  private async update(now: Thumbnail, prior: (thumbnail: Thumbnail) => Promise<Floats>): Promise<Floats> {
    const target = await prior(now); // first, so that where it fails the next frame finds everything as it was
    if (this.before !== null && changed(this.before, now) >= CUT) {
      this.cuts++;
      this.z = null;
      this.brightness.reset();
    }
    [this.before, this.target, this.since] = [now, target, 0];
    this.priors++;
    return target;
  }
}
