/** The artifact: a folder with a manifest, which describes and hashes the model files beside it. */

import { readManifest } from "./contract.js";
import { RestorectError } from "./errors.js";
import { LARGEST } from "./json.js";

/** (height, width), in pixels. */
export type Size = readonly [number, number];

/** One model file. */
export interface GraphFile {
  readonly role: "whole" | "prior" | "body";
  readonly file: string;
  /** Sides of its image input; null where both may vary, or for a prior. */
  readonly shape: Size | null;
}

/** How the split form computes what the prior looks at, sides in pixels. */
export interface PriorSpec {
  readonly thumbnail: number;
  /** Of the blocks that are averaged first. */
  readonly pool: number;
  /** Whether the prior also takes the standard deviations inside the blocks. */
  readonly deviation: boolean;
}

/** What a program must know to use an artifact; see `restorect_edge/artifact.py`. */
export interface Manifest {
  readonly schema_version: number;
  readonly name: string;
  readonly task: string;
  readonly target: string;
  readonly precision: string;
  readonly form: "whole" | "split";
  readonly spec: {
    /** Output side over input side. */
    readonly scale: number;
    readonly size: { readonly minimum: number; readonly multiple_of: number };
    /** Pixels of context on each side; null where the whole image matters. */
    readonly halo: number | null;
  };
  readonly graphs: readonly GraphFile[];
  readonly prior: PriorSpec | null;
  readonly steps: number | null;
  readonly weights: { readonly name?: string; readonly sha256?: string; readonly license?: string };
  /** sha256 of every other file of the folder, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** An artifact whose model files are in memory and are those of its manifest. */
export interface Artifact {
  readonly manifest: Manifest;
  /** Content of each graph's file, by path. */
  readonly content: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/**
 * Read a manifest that browsers can use; `source` is named in errors.
 *
 * @throws RestorectError `corrupt`: damaged, or no manifest; `schema`: newer, or not for ONNX in browsers.
 */
export function parseManifest(content: Uint8Array, source: string): Manifest {
  const manifest = readManifest(content, source);
  if (manifest.target !== "onnx") {
    throw new RestorectError(
      "schema",
      `'${source}' is for ${manifest.target}; browsers run ONNX: python -m restorect_edge.export --recipe export/web.toml`,
    );
  }
  return manifest;
}

/** Whether images are uint8, (1, H, W, 3), at the graphs' inputs and outputs, not planes of float32 (`--io uint8`). */
export function inLevels(manifest: Manifest): boolean {
  const image = (manifest as { input?: { image?: { dtype?: unknown; layout?: unknown } } }).input?.image;
  return image?.dtype === "uint8" && image.layout === "NHWC";
}

/**
 * Fetch an artifact's manifest and model files and compare each with its sha256.
 *
 * @param url of the folder, with or without a slash at its end.
 * @throws RestorectError `missing`, `corrupt`, `schema`; `unsupported` on a page that is not secure.
 */
export async function fetchArtifact(url: string): Promise<Artifact> {
  const folder = url.endsWith("/") ? url : `${url}/`;
  const source = new URL("manifest.json", folder).href;
  const manifest = parseManifest(await fetched(source, LARGEST + 1), source);
  const files = [...new Set(manifest.graphs.map((graph) => graph.file))];
  const content = await Promise.all(files.map((file) => checked(urlOf(file, folder), manifest.files[file])));
  return { manifest, content: new Map(files.map((file, index) => [file, content[index]!])) };
}

/** The address of a file of an artifact: signs such as '#', '?' and '%' are part of its name. */
export function urlOf(file: string, folder: string): string {
  return new URL(file.split("/").map(encodeURIComponent).join("/"), folder).href;
}

/** Fetch a file, or its first `most` bytes. */
async function fetched(url: string, most = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url);
    if (response.ok) return await received(response, most);
    throw new RestorectError("missing", `'${url}' is missing: the server answered ${response.status}`);
  } catch (error) {
    if (error instanceof RestorectError) throw error;
    throw new RestorectError("missing", `cannot reach '${url}': ${String(error)}`);
  }
}

async function received(response: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  if (most === Infinity || response.body === null) return new Uint8Array(await response.arrayBuffer());
  const reader = response.body.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let size = 0; size < most; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
  }
  await reader.cancel();
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function checked(url: string, expected: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (expected === undefined) throw new RestorectError("corrupt", `'${url}' is a folder, expected a file of ONNX`);
  const content = await fetched(url);
  const actual = await sha256(content);
  if (actual !== expected) {
    throw new RestorectError(
      "corrupt",
      `'${url}' is not what was exported: sha256 ${actual.slice(0, 12)}…, the manifest says ` +
        `${expected.slice(0, 12)}…; copy the whole artifact again`,
    );
  }
  return content;
}

/** Return the sha256 of some bytes in hex. */
export async function sha256(content: Uint8Array<ArrayBuffer>): Promise<string> {
  if (globalThis.crypto?.subtle === undefined) {
    throw new RestorectError("unsupported", "files can only be checked on https pages or on localhost");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
