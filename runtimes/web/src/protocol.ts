/** What the page and its worker say to each other. */

import type { Timings } from "./engine.js";
import type { ErrorCode } from "./errors.js";
import type { RawFrame } from "./frames.js";
import type { Manifest } from "./manifest.js";
import type { Pixels } from "./pixels.js";
import type { Backend, Provider } from "./session.js";

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
