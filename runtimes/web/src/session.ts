/** ONNX Runtime Web: which build of it, on what, and how it is called. */

import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";

import { asRestorectError, RestorectError } from "./errors.js";
import type { Size } from "./manifest.js";
import type { Backend, Provider } from "./protocol.js";
import { channels, type Thumbnail } from "./thumbnail.js";

type Floats = Float32Array<ArrayBufferLike>;
type Ort = typeof import("onnxruntime-web/wasm");

/** Threads beyond which small networks gain nothing. */
const MOST_THREADS = 4;

/** Feeds: a picture's 3 planes, or its levels channel by channel, with their sides, a thumbnail, and a latent. */
export interface Feeds {
  readonly image?: { readonly pixels: Floats | Uint8Array; readonly size: Size };
  readonly thumbnail?: Thumbnail;
  readonly z?: { readonly values: Floats; readonly shape: readonly number[] };
}

/** Opens sessions on one backend. */
export class Runner {
  private constructor(
    private readonly ort: Ort,
    readonly provider: Provider,
  ) {}

  /**
   * Choose the backend and load its build of ONNX Runtime.
   *
   * @param wanted `auto`: WebGPU where there is an adapter that is no software emulation, else WASM.
   * @param threads on the CPU; null: half of the logical processors, 2 to 4.
   * @param folder URL of ONNX Runtime's files.
   * @param notes what a person should know already.
   * @throws RestorectError `unsupported`: WebGPU was asked for and is not there; `input`: bad threads.
   */
  static async choose(
    wanted: Backend | "auto",
    threads: number | null,
    folder: string,
    notes: string[] = [],
  ): Promise<Runner> {
    const missing = wanted === "wasm" ? "" : await whyNoGpu(wanted === "auto");
    if (wanted === "webgpu" && missing) throw new RestorectError("unsupported", `WebGPU was asked for, but ${missing}`);
    if (wanted === "auto" && missing) notes.push(`On the CPU: ${missing}`);
    const backend = missing || wanted === "wasm" ? "wasm" : "webgpu";
    const ort = await library(backend);
    ort.env.wasm.numThreads = threadsHere(threads, backend, notes);
    const build = backend === "wasm" ? "ort-wasm-simd-threaded" : "ort-wasm-simd-threaded.asyncify";
    ort.env.wasm.wasmPaths = { mjs: `${folder}${build}.mjs`, wasm: `${folder}${build}.wasm` };
    ort.env.logLevel = "error";
    const count = ort.env.wasm.numThreads;
    const on = backend === "webgpu" ? "WebGPU" : `WASM SIMD, ${count} thread${count > 1 ? "s" : ""}`;
    return new Runner(ort, { backend, threads: count, name: `ONNX Runtime Web ${ort.env.versions.web ?? ""}, ${on}`, notes });
  }

  /** @throws RestorectError `backend`: ONNX Runtime cannot load the file. */
  async open(model: Uint8Array, file: string): Promise<Session> {
    try {
      const session = await this.ort.InferenceSession.create(model, {
        executionProviders: [this.provider.backend],
        graphOptimizationLevel: "all",
      });
      return new Session(this.ort, session);
    } catch (error) {
      throw new RestorectError("backend", `ONNX Runtime cannot load ${file}: ${asRestorectError(error, "backend").message}`);
    }
  }
}

/** One graph, ready to run. */
export class Session {
  constructor(
    private readonly ort: Ort,
    private readonly session: InferenceSession,
  ) {}

  /**
   * Run the graph and return its one output with its shape.
   *
   * @throws RestorectError `backend`.
   */
  async run(feeds: Feeds): Promise<{ values: Floats | Uint8Array; shape: readonly number[] }> {
    const inputs: Record<string, Tensor> = {};
    const tensor = (values: Floats, shape: readonly number[]) => new this.ort.Tensor("float32", values, shape);
    const { image, thumbnail } = feeds;
    if (image?.pixels instanceof Uint8Array) {
      inputs["image"] = new this.ort.Tensor("uint8", image.pixels, [1, ...image.size, 3]);
    } else if (image) {
      inputs["image"] = tensor(image.pixels, [1, 3, ...image.size]);
    }
    if (thumbnail) {
      inputs["thumbnail"] = tensor(thumbnail.values, [1, channels(thumbnail), thumbnail.side, thumbnail.side]);
    }
    if (feeds.z) inputs["z"] = tensor(feeds.z.values, feeds.z.shape);
    try {
      const outputs = await this.session.run(inputs);
      const output = outputs[this.session.outputNames[0]!]!;
      return { values: output.data as Floats | Uint8Array, shape: output.dims };
    } catch (error) {
      throw new RestorectError("backend", `ONNX Runtime failed: ${asRestorectError(error, "backend").message}`);
    }
  }

  async close(): Promise<void> {
    await this.session.release();
  }
}

async function library(backend: Backend): Promise<Ort> {
  return backend === "wasm" ? import("onnxruntime-web/wasm") : ((await import("onnxruntime-web/webgpu")) as Ort);
}

/** Say why WebGPU cannot be used, or nothing where it can. */
async function whyNoGpu(real: boolean): Promise<string> {
  const gpu = navigator.gpu as GPU | undefined;
  if (gpu === undefined) return "this browser has no WebGPU.";
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (adapter === null) return "WebGPU finds no graphics processor.";
  return real && adapter.info.isFallbackAdapter ? "WebGPU is only emulated in software." : "";
}

function threadsHere(wanted: number | null, backend: Backend, notes: string[]): number {
  if (wanted !== null && !(Number.isInteger(wanted) && wanted >= 1)) {
    throw new RestorectError("input", `threads is a whole number from 1, got ${wanted}`);
  }
  if (backend === "webgpu") return 1;
  const here = navigator.hardwareConcurrency || 1;
  const best = wanted ?? Math.min(MOST_THREADS, here, Math.max(2, Math.ceil(here / 2)));
  if (globalThis.crossOriginIsolated || best === 1) return best;
  notes.push(
    "One thread only: the page is not cross-origin isolated. Serve it with " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.",
  );
  return 1;
}
