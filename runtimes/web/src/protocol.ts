/** What the page and its worker say to each other. */

import type { ErrorCode } from "./errors.js";
import type { RawFrame } from "./frames.js";
import type { Manifest } from "./manifest.js";
import type { Pixels } from "./pixels.js";

/** Where a network can run: on the CPU (WASM with SIMD and threads), or on the GPU. */
export type Backend = "wasm" | "webgpu";

/** What runs, and what a person should know about it. */
export interface Provider {
  readonly backend: Backend;
  /** Threads on the CPU. */
  readonly threads: number;
  /** What really runs, with its version. */
  readonly name: string;
  /** What was asked for or expected and is not so here, and how to fix it. */
  readonly notes: readonly string[];
}

/** Milliseconds of each stage of a call. */
export interface Timings {
  /** The source to planes of numbers: decoding, conversion, cutting. */
  prepare: number;
  prior: number;
  model: number;
  /** Planes of numbers to pixels. */
  finish: number;
  total: number;
}

/** A picture on its way to the worker. */
export type Source = ImageData | VideoFrame | ImageBitmap | Blob | RawFrame | Pixels;

/** How a picture comes back. */
export type Form = "pixels" | "bitmap";

/** A file format that browsers write. */
export type FileType = "image/png" | "image/jpeg" | "image/webp";

/** What the worker is asked, by kind, with what it answers. */
export interface Requests {
  load: {
    ask: { url: string; backend: Backend | "auto"; threads: number | null };
    answer: { manifest: Manifest; provider: Provider };
  };
  restore: {
    ask: { source: Source; tile: number | null; form: Form };
    answer: { image: Pixels | ImageBitmap; timings: Timings };
  };
  open: {
    ask: {
      stream: number;
      priorEvery: number;
      smooth: number;
      longestSide: number | null;
      canvas: OffscreenCanvas | null;
      before: OffscreenCanvas | null;
    };
    answer: null;
  };
  frame: {
    ask: { stream: number; source: Source };
    answer: { image: Pixels | null; width: number; height: number; timings: Timings; cuts: number; priors: number };
  };
  reset: { ask: { stream: number }; answer: null };
  snapshot: { ask: { stream: number; type: FileType; quality: number }; answer: Blob };
  end: { ask: { stream: number }; answer: null };
  cancel: { ask: { of: number }; answer: null };
}

export type Kind = keyof Requests;

export type Request = { [K in Kind]: { id: number; kind: K } & Requests[K]["ask"] }[Kind];

export type Reply =
  | { readonly id: number; readonly answer: Requests[Kind]["answer"] }
  | { readonly id: number; readonly progress: readonly [number, number] }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };
