/** The page's side: sends pictures to the worker and gives back what comes. */

import { Channel } from "./channel.js";
import { RestorectError } from "./errors.js";
import type { RawFrame } from "./frames.js";
import type { Manifest } from "./manifest.js";
import type { Pixels } from "./pixels.js";
import type { Backend, FileType, Provider, Source, Timings } from "./protocol.js";

/** What can be restored. A blob is an image file; a `RawFrame` a camera's buffer. */
export type Picture = ImageData | VideoFrame | ImageBitmap | Blob | RawFrame;

/** How to load an artifact. */
export interface LoadOptions {
  /** `auto` (default): WebGPU where there is a graphics processor, else WASM. */
  readonly backend?: Backend | "auto";
  /** Threads on the CPU; half of the logical processors, 2 to 4, where absent. */
  readonly threads?: number;
}

/** What a call says and hears while it runs. */
export interface CallOptions {
  /** Told how many parts are done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Cancels between two parts; the promise fails with the code `cancelled`. */
  readonly signal?: AbortSignal;
}

/** How to restore a picture. */
export interface RestoreOptions extends CallOptions {
  /** Side of what each tile contributes, in pixels. Large pictures are tiled by themselves. */
  readonly tile?: number;
  /** Give the pixels of an `ImageData` or `ImageBitmap` away instead of copying them; it is empty afterwards. */
  readonly transfer?: boolean;
}

/** How to write a picture to an image file. */
export interface FileOptions {
  /** `image/png` where absent. */
  readonly type?: FileType;
  /** Of JPEG and WebP, 0 to 1; 0.95 where absent. */
  readonly quality?: number;
}

/** A restored picture and how long it took. */
export interface Restored<Image> {
  readonly image: Image;
  readonly timings: Timings;
}

/** How to restore a video. */
export interface VideoOptions {
  /** Run the prior every so many frames (default 1); a cut is seen as late at most. */
  readonly priorEvery?: number;
  /** Share of the latent kept from one frame to the next, from 0 (default, none) to below 1. */
  readonly smooth?: number;
  /** Scale larger frames down to this, in pixels. */
  readonly longestSide?: number;
  /** Draw restored frames here instead of giving them back. Nothing else may draw on it. */
  readonly canvas?: HTMLCanvasElement;
  /** Draw frames as they came here. */
  readonly before?: HTMLCanvasElement;
}

/** A restored frame of a video. */
export interface RestoredFrame {
  /** null where it was drawn on a canvas. */
  readonly image: ImageData | null;
  readonly width: number;
  readonly height: number;
  readonly timings: Timings;
  /** Cuts between scenes seen, and runs of the prior, so far. */
  readonly cuts: number;
  readonly priors: number;
}

/**
 * Load an artifact: a folder made by `python -m restorect_edge.export --target onnx`.
 *
 * @param url of the folder.
 * @throws RestorectError `input`: no URL, bad threads; `missing`, `corrupt`, `schema`, `unsupported`, `backend`.
 */
export async function load(url: string | URL, options: LoadOptions = {}): Promise<Runtime> {
  const channel = new Channel();
  try {
    const { backend = "auto", threads = null } = options;
    const facts = await channel.ask("load", { url: absolute(url), backend, threads });
    return new Runtime(channel, facts.manifest, facts.provider);
  } catch (error) {
    channel.close();
    throw error;
  }
}

function absolute(url: string | URL): string {
  if (URL.canParse(url, document.baseURI)) return new URL(url, document.baseURI).href;
  throw new RestorectError("input", `'${url}' is no URL: give that of the artifact's folder`);
}

/** An artifact ready to run in a worker. Several calls wait for each other. */
export class Runtime {
  private streams = 0;

  /** @internal */
  constructor(
    private readonly channel: Channel,
    readonly manifest: Manifest,
    /** What runs it, with notes such as that only one thread can be used, and why. */
    readonly provider: Provider,
  ) {}

  /**
   * Restore a picture; its alpha is ignored.
   *
   * A `VideoFrame` stays the caller's to close. 8-bit 4:2:0, 4:2:2, 4:4:4 and RGB frames are converted exactly, others by
   * the browser.
   *
   * @throws RestorectError `input`, `size`, `backend`, `cancelled`, `closed`.
   */
  async restore(picture: Picture, options: RestoreOptions = {}): Promise<Restored<ImageData>> {
    const { image, timings } = await this.send(picture, options, "pixels");
    const { data, width, height } = image as Pixels;
    return { image: new ImageData(data, width, height), timings };
  }

  /** As `restore`, for display: a bitmap needs no copy on the page. */
  async restoreToBitmap(picture: Picture, options: RestoreOptions = {}): Promise<Restored<ImageBitmap>> {
    const { image, timings } = await this.send(picture, options, "bitmap");
    return { image: image as ImageBitmap, timings };
  }

  private async send(picture: Picture, options: RestoreOptions, form: "pixels" | "bitmap") {
    const { tile = null, signal, onProgress } = options;
    const [source, transfer] = packed(picture, options.transfer ?? false);
    return this.channel.ask("restore", { source, tile, form }, { transfer, signal, progress: onProgress });
  }

  /**
   * Start a video. See `LiveView` for cameras.
   *
   * @throws RestorectError `input`: a value out of range, or one that needs an artifact with a prior.
   */
  async video(options: VideoOptions = {}): Promise<VideoRestorer> {
    const number = this.streams++;
    const canvas = handed(options.canvas);
    const before = handed(options.before);
    const { priorEvery = 1, smooth = 0, longestSide = null } = options;
    const transfer = [canvas, before].filter((each) => each !== null);
    await this.channel.ask("open", { stream: number, priorEvery, smooth, longestSide, canvas, before }, { transfer });
    return new VideoRestorer(this.channel, number);
  }

  /** End the worker; what waits fails with the code `closed`. */
  close(): void {
    this.channel.close();
  }
}

/** A video that is restored frame by frame, in order. */
export class VideoRestorer {
  /** @internal */
  constructor(
    private readonly channel: Channel,
    private readonly number: number,
  ) {}

  /** Restore the next frame; a `VideoFrame` or `ImageBitmap` is closed. */
  async restore(frame: Picture, { signal, onProgress }: CallOptions = {}): Promise<RestoredFrame> {
    const closes = isFrame(frame) || isBitmap(frame);
    const [source, transfer] = closes ? [frame, [frame]] : packed(frame, false);
    const ask = { stream: this.number, source };
    const { image, ...facts } = await this.channel.ask("frame", ask, { transfer, signal, progress: onProgress });
    return { image: image && new ImageData(image.data, image.width, image.height), ...facts };
  }

  /** Forget the scene: the next frame's own latent counts. */
  async reset(): Promise<void> {
    await this.channel.ask("reset", { stream: this.number });
  }

  /**
   * Write the last restored frame to an image file, in the worker.
   *
   * @throws RestorectError `input`: no frame yet; `unsupported`: the browser does not write this type.
   */
  async snapshot({ type = "image/png", quality = 0.95 }: FileOptions = {}): Promise<Blob> {
    return this.channel.ask("snapshot", { stream: this.number, type, quality });
  }

  /** End the video; the runtime stays open. */
  async close(): Promise<void> {
    await this.channel.ask("end", { stream: this.number });
  }
}

/** A canvas that the worker draws on from now on. */
function handed(canvas: HTMLCanvasElement | undefined): OffscreenCanvas | null {
  try {
    return canvas?.transferControlToOffscreen() ?? null;
  } catch {
    throw new RestorectError("input", "this canvas is drawn on already, by another video or by the page: give a new one");
  }
}

function isFrame(picture: unknown): picture is VideoFrame {
  return typeof VideoFrame !== "undefined" && picture instanceof VideoFrame;
}

function isBitmap(picture: unknown): picture is ImageBitmap {
  return picture instanceof ImageBitmap;
}

/** What is sent for a picture, and what of it is given away. */
function packed(picture: Picture, transfer: boolean): [Source, Transferable[]] {
  if (isFrame(picture)) {
    // what is sent is closed here, and this frame stays the caller's
    const copy = cloned(picture);
    return [copy, [copy]];
  }
  if (isBitmap(picture)) return [picture, transfer ? [picture] : []];
  if (picture instanceof ImageData) {
    const { data, width, height } = picture as ImageData & Pixels;
    return [{ data, width, height }, transfer ? [data.buffer] : []];
  }
  if (picture instanceof Blob || (typeof picture === "object" && picture !== null && "layout" in picture)) return [picture, []];
  throw new RestorectError(
    "input",
    "a picture is an ImageData, a VideoFrame, an ImageBitmap, an image file (Blob) or a frame " +
      `{ layout, width, height, data }, got ${Object.prototype.toString.call(picture).slice(8, -1)}`,
  );
}

function cloned(frame: VideoFrame): VideoFrame {
  try {
    return frame.clone();
  } catch {
    throw new RestorectError("input", "the video frame is closed; close it after it was restored");
  }
}
