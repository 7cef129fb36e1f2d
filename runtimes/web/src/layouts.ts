/** How cameras lay out pixels in a buffer: the table of `spec/frames/formats.json`. */

/** Rows of a plane: `bytes` for each `across` pixels of a row, a row for each `down` rows of pixels. */
export interface PlaneShape {
  readonly bytes: number;
  readonly across: number;
  readonly down: number;
}

/** Where the samples of a channel are within the rows of its plane, in bytes. */
export interface Channel {
  readonly plane: number;
  readonly offset: number;
  readonly step: number;
}

export interface LayoutFacts {
  readonly color: "rgb" | "yuv" | "gray";
  readonly planes: readonly PlaneShape[];
  /** R, G and B; Y, Cb and Cr; or gray alone. */
  readonly channels: readonly Channel[];
  /** Columns and rows of pixels that share a chroma sample. */
  readonly block: readonly [across: number, down: number];
  /** Of samples in words of two bytes, from a word to its 8 most significant bits; 0 for samples of a byte. */
  readonly shift: number;
}

const shape = (bytes: number, across = 1, down = 1): PlaneShape => ({ bytes, across, down });
const channel = (plane: number, offset: number, step: number): Channel => ({ plane, offset, step });

/** One byte a channel, in this order. */
function packed(order: string): LayoutFacts {
  const channels = [..."rgb"].map((letter) => channel(0, order.indexOf(letter), order.length));
  return { color: "rgb", planes: [shape(order.length)], channels, block: [1, 1], shift: 0 };
}

/** A plane of Y, and one of pairs that begin with Cb (`u` is 0) or Cr (1), of samples of `size` bytes. */
function semiPlanar(u: number, across: number, down: number, size = 1, shift = 0): LayoutFacts {
  const channels = [channel(0, 0, size), channel(1, u * size, 2 * size), channel(1, (1 - u) * size, 2 * size)];
  return { color: "yuv", planes: [shape(size), shape(2 * size, across, down)], channels, block: [across, down], shift };
}

/** Three planes, that of Cb being the `u`-th. */
function planar(u: number, across: number, down: number, size = 1, shift = 0): LayoutFacts {
  const chroma = shape(size, across, down);
  const channels = [channel(0, 0, size), channel(u, 0, size), channel(3 - u, 0, size)];
  return { color: "yuv", planes: [shape(size), chroma, chroma], channels, block: [across, down], shift };
}

/** 4:2:2 in one plane, in this order. */
function interleaved(order: string): LayoutFacts {
  const channels = [channel(0, order.indexOf("y"), 2), channel(0, order.indexOf("u"), 4), channel(0, order.indexOf("v"), 4)];
  return { color: "yuv", planes: [shape(4, 2)], channels, block: [2, 1], shift: 0 };
}

export const LAYOUTS = {
  rgb: packed("rgb"),
  bgr: packed("bgr"),
  bgra: packed("bgra"),
  nv12: semiPlanar(0, 2, 2),
  yuyv: interleaved("yuyv"),
  rgba: packed("rgba"),
  argb: packed("argb"),
  abgr: packed("abgr"),
  rgbx: packed("rgbx"),
  bgrx: packed("bgrx"),
  xrgb: packed("xrgb"),
  xbgr: packed("xbgr"),
  gray8: { color: "gray", planes: [shape(1)], channels: [channel(0, 0, 1)], block: [1, 1], shift: 0 },
  nv21: semiPlanar(1, 2, 2),
  nv16: semiPlanar(0, 2, 1),
  nv61: semiPlanar(1, 2, 1),
  nv24: semiPlanar(0, 1, 1),
  i420: planar(1, 2, 2),
  yv12: planar(2, 2, 2),
  i422: planar(1, 2, 1),
  i444: planar(1, 1, 1),
  uyvy: interleaved("uyvy"),
  yvyu: interleaved("yvyu"),
  vyuy: interleaved("vyuy"),
  p010: semiPlanar(0, 2, 2, 2, 8),
  i420p10: planar(1, 2, 2, 2, 2),
} as const satisfies Record<string, LayoutFacts>;

/** Other names of the same bytes. */
export const ALIASES = {
  yuy2: "yuyv",
  gray: "gray8",
  grey: "gray8",
  yuv420p: "i420",
  yuv422p: "i422",
  yuv444p: "i444",
  p010le: "p010",
  yuv420p10le: "i420p10",
} as const;

/** How pixels lie in a buffer, by the name that FFmpeg, GStreamer or WebCodecs has for it, in lower case. */
export type Layout = keyof typeof LAYOUTS | keyof typeof ALIASES;
