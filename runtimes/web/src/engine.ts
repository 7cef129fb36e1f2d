/** An artifact ready to run, in the thread that calls it. The page uses it through the worker. */

import { RestorectError } from "./errors.js";
import { LatentTrack } from "./latent.js";
import { inLevels, type Artifact, type GraphFile, type Manifest, type Size } from "./manifest.js";
import { blank, fromPlanes, planesOf, toLevels, toPlanes, type Pixels } from "./pixels.js";
import type { Timings } from "./protocol.js";
import type { Runner, Session } from "./session.js";
import { thumbnail, type Thumbnail } from "./thumbnail.js";
import { alignedHalo, bestWindow, padded, plan, type Window } from "./tiling.js";

type Floats = Float32Array<ArrayBufferLike>;

/** Pixels that a network with free sides and local context gives at a time, unless the caller says: one that
 * enlarges has its largest tensors at the size of its output. */
const LARGEST_WINDOW = 1 << 20;

/** What a call may say and hear while it runs. */
export interface Call {
  /** Side of what each tile contributes. */
  readonly tile?: number | undefined;
  /** Parts done and to do. */
  readonly progress?: (done: number, total: number) => void;
  /** Asked before each of several parts. */
  readonly cancelled?: () => Promise<boolean>;
  /** Latent of a video; its own where absent. */
  readonly track?: LatentTrack | undefined;
}

/** A network with its files checked and its sessions open. One call at a time. */
export class Engine {
  private readonly sessions = new Map<GraphFile, Session>();
  private pixels: Float32Array | Uint8Array = new Float32Array(0);
  private latentShape: readonly number[] = [];

  private constructor(
    readonly manifest: Manifest,
    readonly runner: Runner,
  ) {}

  /**
   * Open an artifact on a backend.
   *
   * @throws RestorectError `backend`.
   */
  static async open({ manifest, content }: Artifact, runner: Runner): Promise<Engine> {
    const engine = new Engine(manifest, runner);
    for (const graph of manifest.graphs) {
      engine.sessions.set(graph, await runner.open(content.get(graph.file)!, graph.file));
    }
    return engine;
  }

  /** Start a video: see `LatentTrack`. @throws RestorectError `input`: values out of range, or no prior. */
  track(priorEvery: number, smooth: number): LatentTrack {
    const track = new LatentTrack(priorEvery, smooth);
    if (this.manifest.prior === null && (priorEvery > 1 || smooth > 0)) {
      throw new RestorectError(
        "input",
        `priorEvery = ${priorEvery} and smooth = ${smooth} need a prior of its own, and '${this.manifest.name}' ` +
          "is one graph here; export it with --form split",
      );
    }
    return track;
  }

  /**
   * Restore a picture of any size that the artifact takes.
   *
   * @param timings has the stages' milliseconds added.
   * @throws RestorectError `size`, `input`, `backend`, `cancelled`.
   */
  async restore(image: Pixels, timings: Timings, call: Call = {}): Promise<Pixels> {
    const { spec } = this.manifest;
    let sides = padded(spec, [image.height, image.width]);
    const { graph, window } = this.fit(sides, call.tile);
    const z = await this.latent(image, sides, timings, call.track);
    // a graph of fixed sides reads on where a smaller picture ends, by reflection
    if (graph.shape) sides = [Math.max(sides[0], window[0]), Math.max(sides[1], window[1])];
    const result = blank(image.width * spec.scale, image.height * spec.scale);
    const parts = plan(sides, window, alignedHalo(spec));
    for (const [index, part] of parts.entries()) {
      if (parts.length > 1 && (await call.cancelled?.())) throw new RestorectError("cancelled", "the restoration was cancelled");
      await this.part(graph, image, part, z, result, timings, parts.length === 1 ? call.track : undefined);
      call.progress?.(index + 1, parts.length);
    }
    return result;
  }

  private async part(
    graph: GraphFile,
    image: Pixels,
    part: Window,
    z: Floats | null,
    result: Pixels,
    timings: Timings,
    track?: LatentTrack,
  ): Promise<void> {
    const { scale } = this.manifest.spec;
    const size: Size = [part.rows.stop - part.rows.start, part.columns.stop - part.columns.start];
    const begun = performance.now();
    const pixels = this.given(image, part, 3 * size[0] * size[1]);
    const prepared = performance.now();
    const latent = z && { z: { values: z, shape: this.latentShape } };
    const { values: found, shape } = await this.session(graph).run({ image: { pixels, size }, ...latent });
    const ran = performance.now();
    const sides = [size[0] * scale, size[1] * scale];
    const expected = inLevels(this.manifest) ? [1, ...sides, 3] : [1, 3, ...sides];
    if (shape.join() !== expected.join()) {
      throw new RestorectError("backend", `the network gave ${shape.join("×")} values, expected ${expected.join("×")}`);
    }
    const values = found instanceof Uint8Array ? planesOf(found) : found;
    const { width, height } = result;
    const [plane, stride] = [size[0] * size[1] * scale * scale, size[1] * scale];
    const gain = track?.brightness.step({ values, plane, stride, width, height }) ?? 1;
    fromPlanes(values, size, part, scale, result, gain);
    timings.prepare += prepared - begun;
    timings.model += ran - prepared;
    timings.finish += performance.now() - ran;
  }

  /** What the network is given of a picture. */
  private given(image: Pixels, part: Window, length: number): Float32Array | Uint8Array {
    const kind = inLevels(this.manifest) ? Uint8Array : Float32Array;
    if (!(this.pixels instanceof kind) || this.pixels.length !== length) this.pixels = new kind(length);
    if (this.pixels instanceof Uint8Array) toLevels(image, part, this.pixels);
    else toPlanes(image, part, this.pixels);
    return this.pixels;
  }

  private async latent(image: Pixels, sides: Size, timings: Timings, track?: LatentTrack): Promise<Floats | null> {
    const { prior } = this.manifest;
    if (prior === null) return null;
    const begun = performance.now();
    const made = () => thumbnail(image, sides, prior);
    const z = track ? await track.step(made, (one) => this.prior(one)) : await this.prior(made());
    timings.prior += performance.now() - begun;
    return z;
  }

  private async prior(made: Thumbnail): Promise<Floats> {
    const graph = this.manifest.graphs.find(({ role }) => role === "prior")!;
    const { values, shape } = await this.session(graph).run({ thumbnail: made });
    this.latentShape = shape;
    return (values as Floats).slice();
  }

  /** Choose the graph and the window that it is given. */
  private fit(sides: Size, tile?: number): { graph: GraphFile; window: Size } {
    const graphs = this.manifest.graphs.filter(({ role }) => role !== "prior");
    const free = graphs.find(({ shape }) => shape === null);
    if (free) return { graph: free, window: this.freeWindow(sides, tile) };
    const fixed = [...graphs].sort((a, b) => area(a.shape!) - area(b.shape!));
    const shapes = fixed.map(({ shape }) => `${shape![1]}×${shape![0]}`).join(", ");
    if (tile !== undefined) {
      throw new RestorectError("input", `this artifact's sides are fixed at ${shapes}, so a tile cannot be chosen`);
    }
    const holds = fixed.find(({ shape }) => shape![0] >= sides[0] && shape![1] >= sides[1]);
    const graph = holds ?? fixed[fixed.length - 1]!;
    if (!holds && this.manifest.spec.halo === null) {
      throw new RestorectError(
        "size",
        `a ${sides[1]}×${sides[0]} picture does not fit: this artifact takes up to ${shapes} pixels; export with ` +
          "--form split --dynamic for any size",
      );
    }
    return { graph, window: graph.shape! };
  }

  private freeWindow(sides: Size, tile?: number): Size {
    const { spec } = this.manifest;
    if (tile !== undefined && !(Number.isInteger(tile) && tile >= 1)) {
      throw new RestorectError("input", `a tile is a whole number of pixels from 1, got ${tile}`);
    }
    if (spec.halo === null) {
      if (tile === undefined) return sides;
      throw new RestorectError("input", "this network looks at the whole image, so tiles would change the result");
    }
    const halo = alignedHalo(spec);
    const wanted =
      tile === undefined
        ? bestWindow(sides, Math.floor(LARGEST_WINDOW / spec.scale ** 2), halo, spec.size.multiple_of)
        : ([tile + 2 * halo, tile + 2 * halo] as const);
    const window = padded(spec, wanted);
    return [Math.min(window[0], sides[0]), Math.min(window[1], sides[1])];
  }

  private session(graph: GraphFile): Session {
    const session = this.sessions.get(graph);
    if (!session) throw new RestorectError("closed", `'${this.manifest.name}' is closed; load it again`);
    return session;
  }

  /** Let go of the sessions. */
  async close(): Promise<void> {
    const open = [...this.sessions.values()];
    this.sessions.clear();
    await Promise.all(open.map((session) => session.close()));
  }
}

function area(size: Size): number {
  return size[0] * size[1];
}
