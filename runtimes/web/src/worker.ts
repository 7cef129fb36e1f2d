/** The worker: everything that takes time happens here, one request after the other. */

import { type Call, Engine } from "./engine.js";
import { asRestorectError, RestorectError } from "./errors.js";
import type { LatentTrack } from "./latent.js";
import { fetchArtifact } from "./manifest.js";
import type { Pixels } from "./pixels.js";
import type { Backend, Kind, Reply, Request, Requests, Timings } from "./protocol.js";
import { Runner } from "./session.js";
import { encoded, imageData, pixelsOf } from "./source.js";

type Ask<K extends Kind> = { readonly id: number } & Requests[K]["ask"];
type Answer<K extends Kind> = Requests[K]["answer"];

/** A video that is restored frame by frame. */
interface Video {
  readonly track: LatentTrack;
  readonly longestSide: number | null;
  readonly canvas: OffscreenCanvas | null;
  readonly before: OffscreenCanvas | null;
  last: Pixels | null;
}

let engine: Engine | null = null;
const streams = new Map<number, Video>();
const cancelled = new Set<number>();

const handlers: { [K in Exclude<Kind, "cancel">]: (ask: Ask<K>) => Promise<Answer<K>> } = {
  async load({ url, backend, threads }) {
    engine = await opening(url, backend, threads);
    return { manifest: engine.manifest, provider: engine.runner.provider };
  },

  async restore({ id, source, tile, form }) {
    const [timings, finished] = clock();
    const image = await pixelsOf(source);
    timings.prepare = performance.now() - timings.total;
    const restored = await opened().restore(image, timings, { tile: tile ?? undefined, ...answered(id) });
    const answer = form === "bitmap" ? await createImageBitmap(imageData(restored)) : restored;
    return { image: answer, timings: finished() };
  },

  async open({ stream, priorEvery, smooth, longestSide, canvas, before }) {
    streams.set(stream, { track: opened().track(priorEvery, smooth), longestSide, canvas, before, last: null });
    return null;
  },

  async frame({ id, stream: number, source }) {
    const stream = streamOf(number);
    const [timings, finished] = clock();
    const image = await pixelsOf(source, stream.longestSide);
    timings.prepare = performance.now() - timings.total;
    if (stream.last && (stream.last.width !== image.width || stream.last.height !== image.height)) stream.track.reset();
    const restored = await opened().restore(image, timings, { track: stream.track, ...answered(id) });
    const begun = performance.now();
    stream.last = restored;
    if (stream.before) draw(image, stream.before);
    if (stream.canvas) draw(restored, stream.canvas);
    timings.finish += performance.now() - begun;
    const { cuts, priors } = stream.track;
    const { width, height } = restored;
    return { image: stream.canvas ? null : restored, width, height, timings: finished(), cuts, priors };
  },

  async reset({ stream }) {
    streamOf(stream).track.reset();
    return null;
  },

  async snapshot({ stream, type, quality }) {
    const { last } = streamOf(stream);
    if (last === null) throw new RestorectError("input", "no frame was restored yet");
    return encoded(last, type, quality);
  },

  async end({ stream }) {
    streams.delete(stream);
    return null;
  },
};

/** What a call says and hears while it runs. */
function answered(id: number): Pick<Call, "progress" | "cancelled"> {
  return {
    progress: (done, total) => send({ id, progress: [done, total] }),
    cancelled: () => isCancelled(id),
  };
}

/** Whether a call was cancelled, once what the page sent meanwhile was heard: the CPU gives it no turn of its own. */
async function isCancelled(id: number): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve));
  return cancelled.has(id);
}

/** Open an artifact; where the choice is free and the GPU fails, on the CPU. */
async function opening(url: string, backend: Backend | "auto", threads: number | null): Promise<Engine> {
  const folder = new URL("./ort/", import.meta.url).href;
  const artifact = await fetchArtifact(url);
  const runner = await Runner.choose(backend, threads, folder);
  try {
    return await Engine.open(artifact, runner);
  } catch (error) {
    if (backend !== "auto" || runner.provider.backend === "wasm") throw error;
    const why = asRestorectError(error, "backend").message;
    return Engine.open(artifact, await Runner.choose("wasm", threads, folder, [`On the CPU, since WebGPU failed: ${why}`]));
  }
}

function opened(): Engine {
  if (engine === null) throw new RestorectError("closed", "no artifact is loaded");
  return engine;
}

function streamOf(number: number): Video {
  const stream = streams.get(number);
  if (!stream) throw new RestorectError("closed", "the video has ended; start another");
  return stream;
}

/** Timings whose `total` is, until finished, when they began. */
function clock(): [Timings, () => Timings] {
  const timings = { prepare: 0, prior: 0, model: 0, finish: 0, total: performance.now() };
  return [timings, () => ({ ...timings, total: performance.now() - timings.total })];
}

function draw(image: Pixels, canvas: OffscreenCanvas): void {
  if (canvas.width !== image.width || canvas.height !== image.height) {
    // only where they differ: setting a side clears a canvas
    [canvas.width, canvas.height] = [image.width, image.height];
  }
  canvas.getContext("2d")!.putImageData(imageData(image), 0, 0);
}

function send(reply: Reply, transfer: Transferable[] = []): void {
  globalThis.postMessage(reply, { transfer });
}

function given(answer: unknown): Transferable[] {
  const image = (answer as { image?: Pixels | ImageBitmap | null } | null)?.image;
  if (!image) return [];
  return [image instanceof ImageBitmap ? image : image.data.buffer];
}

async function answer(request: Exclude<Request, { kind: "cancel" }>): Promise<void> {
  const { id, kind } = request;
  try {
    const handler = handlers[kind] as (ask: typeof request) => Promise<Answer<typeof kind>>;
    const result = await handler(request);
    // A video without canvases gives its last frame away, and keeps a copy for snapshots.
    send({ id, answer: result }, kind === "frame" ? [] : given(result));
  } catch (error) {
    const { code, message } = asRestorectError(error, "backend");
    send({ id, error: { code, message } });
  } finally {
    cancelled.delete(id);
  }
}

let queue = Promise.resolve();

globalThis.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  // an engine takes one call at a time; to cancel one must not wait for it
  if (data.kind === "cancel") cancelled.add(data.of);
  else queue = queue.then(() => answer(data));
});
