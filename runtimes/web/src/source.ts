/** Whatever holds a picture, to pixels and back; only in the worker, since it takes time. */

import { asRestorectError, RestorectError } from "./errors.js";
import { fromRaw, fromVideoFrame, type RawFrame } from "./frames.js";
import type { Pixels } from "./pixels.js";
import type { FileType, Source } from "./protocol.js";

/**
 * Read a picture; frames and bitmaps are closed.
 *
 * @param longestSide pixels; a larger picture is scaled down by the browser. null: left as it is.
 * @throws RestorectError `input`: no such picture, empty, closed, or no image file.
 */
export async function pixelsOf(source: Source, longestSide: number | null = null): Promise<Pixels> {
  if (isFrame(source) || isBitmap(source)) {
    try {
      return await read(source, longestSide);
    } finally {
      source.close();
    }
  }
  if (source instanceof Blob) return pixelsOf(await decoded(source), longestSide);
  if ("layout" in source) return scaled(fromRaw(source), longestSide);
  return scaled(checked(source), longestSide);
}

function isFrame(source: unknown): source is VideoFrame {
  return typeof VideoFrame !== "undefined" && source instanceof VideoFrame;
}

function isBitmap(source: unknown): source is ImageBitmap {
  return source instanceof ImageBitmap;
}

async function read(source: VideoFrame | ImageBitmap, longestSide: number | null): Promise<Pixels> {
  const [width, height] = isFrame(source) ? [source.displayWidth, source.displayHeight] : [source.width, source.height];
  const factor = shrink(width, height, longestSide);
  const exact = isFrame(source) && factor === 1 ? await fromVideoFrame(source) : null;
  return exact ?? drawn(source, width, height, factor);
}

function shrink(width: number, height: number, longestSide: number | null): number {
  return longestSide === null ? 1 : Math.min(1, longestSide / Math.max(width, height));
}

/** Let the browser convert and scale a picture. */
function drawn(source: CanvasImageSource, width: number, height: number, factor: number): Pixels {
  if (width < 1 || height < 1) throw new RestorectError("input", `the picture is empty or was closed: ${width}×${height} pixels`);
  const sides = [width, height].map((side) => Math.max(1, Math.round(side * factor))) as [number, number];
  const context = canvas(...sides).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new RestorectError("backend", `the browser has no canvas of ${sides.join("×")} pixels`);
  context.drawImage(source, 0, 0, ...sides);
  return context.getImageData(0, 0, ...sides);
}

let last: OffscreenCanvas | null = null;

/** A canvas, the last one again where it fits. */
function canvas(width: number, height: number): OffscreenCanvas {
  if (last === null || last.width !== width || last.height !== height) last = new OffscreenCanvas(width, height);
  return last;
}

async function decoded(file: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file);
  } catch (error) {
    throw new RestorectError(
      "input",
      `the file is no image that this browser reads (${file.type || "unknown type"}, ${file.size} bytes): ` +
        asRestorectError(error, "input").message,
    );
  }
}

function checked(image: ImageData | Pixels): Pixels {
  const { data, width, height } = image;
  if (!(data instanceof Uint8ClampedArray)) {
    throw new RestorectError("input", "pixels are RGBA in a Uint8ClampedArray, as ImageData holds them");
  }
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1)) {
    throw new RestorectError("input", `the picture is empty: ${width}×${height} pixels; both sides are at least 1`);
  }
  if (data.length !== 4 * width * height) {
    throw new RestorectError(
      "input",
      `a ${width}×${height} picture has ${4 * width * height} bytes, got ${data.length}; pass rows with padding ` +
        "as a frame with its stride: { layout: 'rgba', width, height, stride, data }",
    );
  }
  return { data: data as Pixels["data"], width, height };
}

function scaled(image: Pixels, longestSide: number | null): Pixels {
  const factor = shrink(image.width, image.height, longestSide);
  if (factor === 1) return image;
  const whole = new OffscreenCanvas(image.width, image.height);
  whole.getContext("2d")!.putImageData(imageData(image), 0, 0);
  return drawn(whole, image.width, image.height, factor);
}

/** Pixels as canvases take them, without a copy. */
export function imageData(image: Pixels): ImageData {
  return new ImageData(image.data, image.width, image.height);
}

/**
 * Write an image file.
 *
 * @throws RestorectError `unsupported`: the browser does not write this type.
 */
export async function encoded(image: Pixels, type: FileType, quality: number): Promise<Blob> {
  const whole = new OffscreenCanvas(image.width, image.height);
  whole.getContext("2d")!.putImageData(imageData(image), 0, 0);
  const blob = await whole.convertToBlob({ type, quality });
  // a type that a browser cannot write becomes PNG, without an error
  if (blob.type !== type) throw new RestorectError("unsupported", `this browser writes no ${type}`);
  return blob;
}

export type { RawFrame };
