/**
 * Camera frames: buffers of bytes to RGBA.
 *
 * Y'CbCr is converted in integers as `restorect_edge/media/frames.py` describes, to the same byte: coefficients times
 * 2²⁰, half a unit added, an arithmetic shift, a clamp. Chroma is repeated over its block, never interpolated.
 */

import { RestorectError } from "./errors.js";
import { blank, type Pixels } from "./pixels.js";

/** Columns and rows of pixels that share a chroma sample, and bytes of a pixel in a row. */
const LAYOUTS = {
  rgb: { bytes: 3, block: [1, 1], yuv: false },
  bgr: { bytes: 3, block: [1, 1], yuv: false },
  rgba: { bytes: 4, block: [1, 1], yuv: false },
  bgra: { bytes: 4, block: [1, 1], yuv: false },
  nv12: { bytes: 1, block: [2, 2], yuv: true },
  yuyv: { bytes: 2, block: [2, 1], yuv: true },
} as const;

/** Kr and Kb (ITU-R BT.601-7, BT.709-6). */
const MATRICES = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722] } as const;
const RANGES = ["full", "limited"] as const;
const SHIFT = 20;

/** How pixels lie in a buffer. */
export type Layout = keyof typeof LAYOUTS;
/** Which RGB a Y'CbCr frame stands for. */
export type Matrix = keyof typeof MATRICES;
/** Whether luma runs from 0 to 255 or from 16 to 235. */
export type Range = (typeof RANGES)[number];

/** A frame as a camera gives it. */
export interface RawFrame {
  readonly layout: Layout;
  readonly width: number;
  readonly height: number;
  /** Bytes from a row to the next; rows without padding where it is absent. NV12: of its chroma rows too. */
  readonly stride?: number;
  /** `bt601` where absent; means nothing for RGB layouts. */
  readonly matrix?: Matrix;
  /** `limited` where absent; means nothing for RGB layouts. */
  readonly range?: Range;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Samples of one channel: where the first lies, and bytes from one to the next and from row to row. */
interface Plane {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly offset: number;
  readonly step: number;
  readonly stride: number;
}

/**
 * Convert a frame to RGBA, alpha 255.
 *
 * @throws RestorectError `input`: unknown names, no pixels, odd sides, too short a stride or buffer.
 */
export function fromRaw(frame: RawFrame): Pixels {
  const stride = check(frame);
  const { layout, width, height, data } = frame;
  const { bytes, block, yuv } = LAYOUTS[layout];
  if (!yuv) return fromPacked(frame, stride, bytes);
  const [y, cb, cr] =
    layout === "nv12"
      ? [plane(data, 0, 1, stride), plane(data, height * stride, 2, stride), plane(data, height * stride + 1, 2, stride)]
      : [plane(data, 0, 2, stride), plane(data, 1, 4, stride), plane(data, 3, 4, stride)];
  return fromYuv(y, cb, cr, block, width, height, frame.matrix ?? "bt601", frame.range ?? "limited");
}

/** As `fromRaw`, for canvases. */
export function toImageData(frame: RawFrame): ImageData {
  const { data, width, height } = fromRaw(frame);
  return new ImageData(data, width, height);
}

function check(frame: RawFrame): number {
  const { layout, width, height } = frame;
  known("frame layout", layout, Object.keys(LAYOUTS));
  known("colour matrix", frame.matrix ?? "bt601", Object.keys(MATRICES));
  known("range", frame.range ?? "limited", RANGES);
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1)) {
    throw bad(`the frame is empty: ${width}×${height} pixels; both sides are whole numbers from 1`);
  }
  const { bytes, block } = LAYOUTS[layout];
  if (width % block[0] !== 0 || height % block[1] !== 0) {
    const side = width % block[0] !== 0 ? "width" : "height";
    throw bad(`a ${layout} frame has an even ${side}, since 2 pixels share a chroma sample, got ${width}×${height}; crop it`);
  }
  const stride = frame.stride ?? bytes * width;
  if (!Number.isInteger(stride) || stride < bytes * width) {
    throw bad(
      `a row of ${width} ${layout} pixels has ${bytes * width} bytes, got a stride of ${stride}; ` +
        "leave it out for rows without padding",
    );
  }
  const rows = layout === "nv12" ? height + height / 2 : height;
  const size = stride * (rows - 1) + bytes * width;
  if (!(frame.data instanceof Uint8Array || frame.data instanceof Uint8ClampedArray)) {
    throw bad("the data of a frame is a Uint8Array or a Uint8ClampedArray");
  }
  if (frame.data.length < size) {
    throw bad(
      `a ${width}×${height} ${layout} frame with a stride of ${stride} has ${size} bytes, got ${frame.data.length}: ` +
        "the buffer is cut off, or its format is another",
    );
  }
  return stride;
}

function known(kind: string, got: string, names: readonly string[]): void {
  if (!names.includes(got)) throw bad(`unknown ${kind} '${got}'; known: ${names.join(", ")}`);
}

function bad(message: string): RestorectError {
  return new RestorectError("input", message);
}

function plane(data: Plane["data"], offset: number, step: number, stride: number): Plane {
  return { data, offset, step, stride };
}

function fromPacked({ layout, width, height, data }: RawFrame, stride: number, bytes: number): Pixels {
  const out = blank(width, height);
  const [red, blue] = layout.startsWith("rgb") ? [0, 2] : [2, 0];
  let to = 0;
  for (let row = 0; row < height; row++) {
    for (let at = row * stride, stop = at + bytes * width; at < stop; at += bytes, to += 4) {
      out.data[to] = data[at + red]!;
      out.data[to + 1] = data[at + 1]!;
      out.data[to + 2] = data[at + blue]!;
    }
  }
  return out;
}

/** Convert planes of Y'CbCr; sides need not be multiples of the block, whose last sample is then shared by fewer. */
function fromYuv(
  y: Plane,
  cb: Plane,
  cr: Plane,
  [across, down]: readonly [number, number],
  width: number,
  height: number,
  matrix: Matrix,
  range: Range,
): Pixels {
  const out = blank(width, height);
  const { light, redV, greenU, greenV, blueU } = tables(matrix, range);
  const pixels = out.data;
  let to = 0;
  for (let row = 0; row < height; row++) {
    const chroma = down === 1 ? row : row >> 1;
    let atY = y.offset + row * y.stride;
    let atCb = cb.offset + chroma * cb.stride;
    let atCr = cr.offset + chroma * cr.stride;
    for (let column = 0; column < width; column += across, atCb += cb.step, atCr += cr.step) {
      const u = cb.data[atCb]!;
      const v = cr.data[atCr]!;
      const [red, green, blue] = [redV[v]!, greenU[u]! + greenV[v]!, blueU[u]!];
      const stop = Math.min(column + across, width);
      for (let each = column; each < stop; each++, atY += y.step, to += 4) {
        const bright = light[y.data[atY]!]!;
        pixels[to] = (bright + red) >> SHIFT; // a clamped array limits to 0 … 255
        pixels[to + 1] = (bright + green) >> SHIFT;
        pixels[to + 2] = (bright + blue) >> SHIFT;
      }
    }
  }
  return out;
}

interface Tables {
  readonly light: Int32Array;
  readonly redV: Int32Array;
  readonly greenU: Int32Array;
  readonly greenV: Int32Array;
  readonly blueU: Int32Array;
}

const made = new Map<string, Tables>();

/** Products of the coefficients by level; those of luma with half a unit added. */
function tables(matrix: Matrix, range: Range): Tables {
  const key = `${matrix} ${range}`;
  let found = made.get(key);
  if (found === undefined) {
    const [light, red, greenU, greenV, blue] = coefficients(matrix, range);
    const black = range === "full" ? 0 : 16;
    const levels = (weight: number, zero: number, extra: number) =>
      Int32Array.from({ length: 256 }, (_, level) => (level - zero) * weight + extra);
    found = {
      light: levels(light, black, 1 << (SHIFT - 1)),
      redV: levels(red, 128, 0),
      greenU: levels(greenU, 128, 0),
      greenV: levels(greenV, 128, 0),
      blueU: levels(blue, 128, 0),
    };
    made.set(key, found);
  }
  return found;
}

/** Integers that multiply luma (all channels), Cr (red), Cb (green), Cr (green) and Cb (blue). */
export function coefficients(matrix: Matrix, range: Range): [number, number, number, number, number] {
  const [kr, kb] = MATRICES[matrix];
  const kg = 1 - kr - kb;
  const [light, colour] = range === "full" ? [1, 1] : [255 / 219, 255 / 224];
  const red = 2 * (1 - kr) * colour;
  const blue = 2 * (1 - kb) * colour;
  const fixed = (value: number) => Math.floor(value * 2 ** SHIFT + 0.5);
  return [fixed(light), fixed(red), fixed((-blue * kb) / kg), fixed((-red * kr) / kg), fixed(blue)];
}

/**
 * Read a browser's video frame exactly, or return null where its format has to be converted by the browser.
 *
 * @throws RestorectError `input`: the frame was closed.
 */
export async function fromVideoFrame(frame: VideoFrame): Promise<Pixels | null> {
  if (frame.codedWidth === 0) throw bad("the video frame was closed before it was restored; close it afterwards");
  const turned = frame as VideoFrame & { readonly rotation?: number; readonly flip?: boolean };
  if (turned.rotation || turned.flip || !SHAPES.has(frame.format)) return null;
  const { width, height } = frame.visibleRect!;
  if (width !== frame.displayWidth || height !== frame.displayHeight) return null;
  const data = new Uint8Array(frame.allocationSize());
  const layout = await frame.copyTo(data);
  const format = frame.format!;
  if (format.startsWith("RGB") || format.startsWith("BGR")) {
    const packed = { layout: format.startsWith("RGB") ? "rgba" : "bgra", width, height, data: data.subarray(layout[0]!.offset) } as const;
    return fromPacked(packed, layout[0]!.stride, 4);
  }
  const [y, ...chroma] = layout.map(({ offset, stride }) => plane(data, offset, 1, stride));
  const [cb, cr] =
    format === "NV12"
      ? [{ ...chroma[0]!, step: 2 }, { ...chroma[0]!, step: 2, offset: chroma[0]!.offset + 1 }]
      : [chroma[0]!, chroma[1]!];
  const space = frame.colorSpace;
  const matrix = space.matrix === "bt709" ? "bt709" : "bt601";
  return fromYuv(y!, cb, cr, [2, 2], width, height, matrix, space.fullRange ? "full" : "limited");
}

const SHAPES = new Set<string | null>(["I420", "I420A", "NV12", "RGBA", "RGBX", "BGRA", "BGRX"]);
