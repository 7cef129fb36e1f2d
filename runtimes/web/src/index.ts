/** Runs restorect_edge artifacts in the browser: `load(url)`, then `restore(picture)`. */

export { type ErrorCode, RestorectError } from "./errors.js";
export type { Layout, Matrix, PlanePlace, Range, RawFrame } from "./frames.js";
export { toImageData } from "./frames.js";
export { type LiveOptions, type LiveStats, LiveView, openCamera } from "./live.js";
export type { GraphFile, Manifest, PriorSpec, Size } from "./manifest.js";
export type { Backend, FileType, Provider, Timings } from "./protocol.js";
export {
  type CallOptions,
  type FileOptions,
  load,
  type LoadOptions,
  type Picture,
  type Restored,
  type RestoredFrame,
  type RestoreOptions,
  Runtime,
  type VideoOptions,
  VideoRestorer,
} from "./runtime.js";
