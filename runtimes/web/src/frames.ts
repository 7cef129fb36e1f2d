/**
 * Camera frames: buffers of bytes to RGBA.
 *
 * Y'CbCr is converted in integers as `restorect_edge/media/frames.py` describes, to the same byte: coefficients times
 * 2²⁰, half a unit added, an arithmetic shift, a clamp. Chroma is repeated over its block, never interpolated.
 */

import { RestorectError } from "./errors.js";
import { ALIASES, LAYOUTS, type Channel, type Layout, type LayoutFacts } from "./layouts.js";
import { blank, type Pixels } from "./pixels.js";

/** Kr and Kb (ITU-R BT.601-7, BT.709-6, BT.2020-2, SMPTE 240M). */
const MATRICES = { bt601: [0.299, 0.114], bt709: [0.2126, 0.0722], bt2020: [0.2627, 0.0593], smpte240m: [0.212, 0.087] } as const;
const RANGES = ["full", "limited"] as const;
const SHIFT = 20;
/** Bytes to whose multiples kernels round the size of a buffer. */
const PAGE = 4096;

export type { Layout } from "./layouts.js";
/** Which RGB a Y'CbCr frame stands for. */
export type Matrix = keyof typeof MATRICES;
/** Whether luma runs from 0 to 255 or from 16 to 235. */
export type Range = (typeof RANGES)[number];

/** Where a plane lies in a buffer. */
export interface PlanePlace {
  /** Byte of its first row. */
  readonly offset: number;
  /** Bytes from a row to the next. */
  readonly stride: number;
}

/** A frame as a camera gives it. */
export interface RawFrame {
  readonly layout: Layout;
  readonly width: number;
  readonly height: number;
  /**
   * Bytes from a row of the first plane to the next, from which those of the others follow; rows without padding where
   * it is absent.
   */
  readonly stride?: number;
  /** Rows that the first plane has room for, as of decoders that pad 1080 rows to 1088; `height` where absent. */
  readonly sliceHeight?: number;
  /** Each plane, where they follow from neither `stride` nor `sliceHeight`; as `VideoFrame.copyTo` gives them. */
  readonly planes?: readonly PlanePlace[];
  /** `bt601` where absent; means nothing for RGB layouts. */
  readonly matrix?: Matrix;
  /** `limited` where absent; means nothing for RGB and gray layouts. */
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
 * @throws RestorectError `input`: unknown names, no pixels, odd sides, too short a stride or buffer, or a buffer as
 * large as padded rows would make it where `sliceHeight` does not say whether they are.
 */
export function fromRaw(frame: RawFrame): Pixels {
  const [layout, places] = check(frame);
  const { width, height, data } = frame;
  const channels = layout.channels.map(({ plane, offset, step }: Channel) => {
    const { offset: start, stride } = places[plane]!;
    return { data, offset: start + offset, step, stride };
  });
  if (layout.color !== "yuv") return fromPacked(channels, width, height);
  const [y, cb, cr] = (layout.shift === 0 ? channels : channels.map((each, at) => rounded(each, layout, width, height, at > 0))) as [
    Plane,
    Plane,
    Plane,
  ];
  return fromYuv(y, cb, cr, layout.block, width, height, frame.matrix ?? "bt601", frame.range ?? "limited");
}

/** Samples of 10 bits as bytes, rounded half up. */
function rounded(from: Plane, { block, shift }: LayoutFacts, width: number, height: number, chroma: boolean): Plane {
  const [across, down] = chroma ? block : [1, 1];
  const [columns, rows] = [width / across, height / down];
  const data = new Uint8Array(columns * rows);
  const half = 1 << (shift - 1);
  for (let row = 0, to = 0; row < rows; row++) {
    for (let column = 0, at = from.offset + row * from.stride; column < columns; column++, to++, at += from.step) {
      // the brightest two of 1024 levels round up to 256
      data[to] = Math.min((from.data[at]! + 256 * from.data[at + 1]! + half) >> shift, 255);
    }
  }
  return { data, offset: 0, step: 1, stride: columns };
}

/** As `fromRaw`, for canvases. */
export function toImageData(frame: RawFrame): ImageData {
  const { data, width, height } = fromRaw(frame);
  return new ImageData(data, width, height);
}

/** Return what the layout is and where its planes are. */
function check(frame: RawFrame): [LayoutFacts, readonly PlanePlace[]] {
  const { width, height, data } = frame;
  const name = ALIASES[frame.layout as keyof typeof ALIASES] ?? frame.layout;
  known("frame layout", name, Object.keys(LAYOUTS));
  known("color matrix", frame.matrix ?? "bt601", Object.keys(MATRICES));
  known("range", frame.range ?? "limited", RANGES);
  if (!(Number.isInteger(width) && Number.isInteger(height) && width >= 1 && height >= 1)) {
    throw bad(`the frame is empty: ${width}×${height} pixels; both sides are whole numbers from 1`);
  }
  const layout: LayoutFacts = LAYOUTS[name as keyof typeof LAYOUTS];
  const [across, down] = layout.block;
  if (width % across !== 0 || height % down !== 0) {
    const side = width % across !== 0 ? "width" : "height";
    throw bad(`every ${name} frame has an even ${side}, since 2 pixels share a chroma sample, got ${width}×${height}; crop it`);
  }
  if (frame.sliceHeight !== undefined && !(Number.isInteger(frame.sliceHeight) && frame.sliceHeight >= height)) {
    throw bad(
      `slice_height (sliceHeight) is the rows that the buffer has room for, at least the ${height} of the frame, ` +
        `got ${frame.sliceHeight}; leave it out for rows without padding`,
    );
  }
  const places = checkedPlaces(frame, name, layout);
  checkData(frame, name, layout, places, data);
  return [layout, places];
}

function checkedPlaces(frame: RawFrame, name: string, layout: LayoutFacts): readonly PlanePlace[] {
  const { planes, stride, sliceHeight } = frame;
  if (planes !== undefined && (planes.length !== layout.planes.length || (stride ?? sliceHeight) !== undefined)) {
    throw bad(
      `planes are offset and stride of each of the ${layout.planes.length} planes of ${name}, without stride and ` +
        `slice_height (sliceHeight); got ${planes.length}`,
    );
  }
  const places = planes ?? packed(frame, layout, sliceHeight ?? frame.height);
  for (const [at, { offset, stride }] of places.entries()) {
    const needed = rowBytes(frame, layout, at);
    if (!Number.isInteger(stride) || stride < needed) {
      throw bad(
        `a row of ${frame.width} ${name} pixels has ${needed} bytes, got a stride of ${stride}; ` +
          "leave it out for rows without padding",
      );
    }
    if (!Number.isInteger(offset) || offset < 0) throw bad(`a plane starts at byte 0 of the buffer or later, got ${offset}`);
  }
  return places;
}

function checkData(frame: RawFrame, name: string, layout: LayoutFacts, places: readonly PlanePlace[], data: unknown): void {
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw bad("the data of a frame is a Uint8Array or a Uint8ClampedArray");
  }
  const ends = layout.planes.map(
    ({ down }, at) => places[at]!.offset + places[at]!.stride * (frame.height / down - 1) + rowBytes(frame, layout, at),
  );
  const what = `a ${frame.width}×${frame.height} ${name} frame with a stride of ${places[0]!.stride} has`;
  const size = Math.max(...ends);
  if (data.length < size) {
    throw bad(`${what} ${size} bytes, got ${data.length}: the buffer is cut off, or its format is another`);
  }
  const rows = slicesOf(frame, layout, data.length);
  if (rows > 0) {
    throw bad(
      `${what} ${fullSize(frame, layout, frame.height)} bytes, got ${data.length}, which is the size with ${rows} rows: ` +
        `give sliceHeight: ${rows} if rows are padded to that, or sliceHeight: ${frame.height} if they are not`,
    );
  }
}

/** Planes one after the other, the first with room for so many rows. */
function packed(frame: RawFrame, layout: LayoutFacts, rows: number): PlanePlace[] {
  const first = layout.planes[0]!;
  const stride = frame.stride ?? rowBytes(frame, layout, 0);
  let offset = 0;
  return layout.planes.map(({ bytes, across, down }) => {
    const place = { offset, stride: Math.ceil((stride * bytes * first.across) / (across * first.bytes)) };
    offset += place.stride * Math.ceil(rows / down);
    return place;
  });
}

function rowBytes({ width }: RawFrame, layout: LayoutFacts, plane: number): number {
  const { bytes, across } = layout.planes[plane]!;
  return (bytes * width) / across;
}

function fullSize(frame: RawFrame, layout: LayoutFacts, rows: number): number {
  const last = packed(frame, layout, rows).at(-1)!;
  return last.offset + last.stride * Math.ceil(rows / layout.planes.at(-1)!.down);
}

/** The rows that a larger buffer would have room for, were they padded; 0 where it is none, or rounded up to pages. */
function slicesOf(frame: RawFrame, layout: LayoutFacts, size: number): number {
  if (frame.planes !== undefined || frame.sliceHeight !== undefined || layout.planes.length === 1) return 0;
  const down = layout.block[1];
  const whole = fullSize(frame, layout, frame.height);
  const [spare, step] = [size - whole, fullSize(frame, layout, frame.height + down) - whole];
  if (spare <= 0 || spare % step !== 0 || (spare < PAGE && size % PAGE === 0)) return 0;
  return frame.height + (spare / step) * down;
}

function known(kind: string, got: string, names: readonly string[]): void {
  if (!names.includes(got)) throw bad(`unknown ${kind} '${got}'; known: ${names.join(", ")}`);
}

function bad(message: string): RestorectError {
  return new RestorectError("input", message);
}

/** Copy channels of bytes; a single one is gray. */
function fromPacked(channels: readonly Plane[], width: number, height: number): Pixels {
  const out = blank(width, height);
  for (const channel of [0, 1, 2]) {
    const { data, offset, step, stride } = channels[channel] ?? channels[0]!;
    for (let row = 0, to = channel; row < height; row++) {
      for (let column = 0, at = offset + row * stride; column < width; column++, at += step, to += 4) out.data[to] = data[at]!;
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
    // rows share chroma in twos at most
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
  // pixels that are not square: the browser scales them
  if (width !== frame.displayWidth || height !== frame.displayHeight) return null;
  const data = new Uint8Array(frame.allocationSize());
  const planes = await frame.copyTo(data);
  const name = SHAPES.get(frame.format)!;
  const space = frame.colorSpace;
  const coefficients = SPACES.get(space.matrix);
  if (coefficients === undefined) return null;
  const matrix = matrixOf(coefficients, PRIMARIES.get(space.primaries) ?? SILENT, height);
  const range = space.fullRange ? "full" : "limited";
  const layout: LayoutFacts = LAYOUTS[name];
  if (width % layout.block[0] !== 0 || height % layout.block[1] !== 0) return odd(layout, planes, data, width, height, matrix, range);
  return fromRaw({ layout: name, width, height, planes: planes.slice(0, layout.planes.length), matrix, range, data });
}

/** A browser's frame whose sides are odd: its last chroma samples are shared by fewer pixels. */
function odd(
  layout: LayoutFacts,
  planes: readonly PlanePlace[],
  data: Uint8Array,
  width: number,
  height: number,
  matrix: Matrix,
  range: Range,
): Pixels {
  const [y, cb, cr] = layout.channels.map(({ plane, offset, step }) => {
    return { data, offset: planes[plane]!.offset + offset, step, stride: planes[plane]!.stride };
  }) as [Plane, Plane, Plane];
  return fromYuv(y, cb, cr, layout.block, width, height, matrix, range);
}

/**
 * Which matrix a frame has by what its stream says; `spec/frames` has the rule.
 *
 * @param coefficients - code of ITU-T H.273, 2 where the stream says nothing
 * @param primaries - likewise
 * @param rows - of the frame, before it is turned
 * @throws RestorectError `input`: a matrix that cannot be converted.
 */
export function matrixOf(coefficients: number, primaries: number, rows: number): Matrix {
  const named = CODES.get(coefficients);
  if (named === undefined)
    throw bad(`the frame's color matrix is ${coefficients} of ITU-T H.273, none of BT.601, BT.709, BT.2020 and SMPTE 240M`);
  return named ?? (primaries === BT2020 ? "bt2020" : rows >= HD ? "bt709" : "bt601");
}

const [SILENT, BT2020, HD] = [2, 9, 720];
/** Matrices by ITU-T H.273's codes; null for those that say RGB or nothing. */
const CODES = new Map<number, Matrix | null>([
  [0, null],
  [1, "bt709"],
  [2, null],
  [3, null],
  [4, "bt601"],
  [5, "bt601"],
  [6, "bt601"],
  [7, "smpte240m"],
  [9, "bt2020"],
]);
/** The codes of WebCodecs' names. */
const SPACES = new Map<string | null | undefined, number>([
  ["rgb", 0],
  ["bt709", 1],
  [null, SILENT],
  [undefined, SILENT],
  ["bt470bg", 5],
  ["smpte170m", 6],
  ["bt2020-ncl", 9],
]);
const PRIMARIES = new Map<string | null | undefined, number>([["bt709", 1], ["bt2020", BT2020]]);
/** By WebCodecs' name; alpha of the first is a plane behind the others. */
const SHAPES = new Map<string | null, keyof typeof LAYOUTS>([
  ["I420A", "i420"],
  ["I420", "i420"],
  ["I422", "i422"],
  ["I444", "i444"],
  ["NV12", "nv12"],
  ["RGBA", "rgba"],
  ["RGBX", "rgbx"],
  ["BGRA", "bgra"],
  ["BGRX", "bgrx"],
]);
