/** The artifact: a folder with a manifest, which describes and hashes the model files beside it. */

import { RestorectError } from "./errors.js";

/** The newest manifest that is read. */
export const SCHEMA_VERSION = 1;

/** (height, width), in pixels. */
export type Size = readonly [number, number];

/** One model file. */
export interface GraphFile {
  readonly role: "whole" | "prior" | "body";
  readonly file: string;
  /** Sides of its image input; null where both may vary, or for a prior. */
  readonly shape: Size | null;
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
  readonly prior: { readonly thumbnail: number; readonly pool: number } | null;
  readonly steps: number | null;
  readonly weights: { readonly name?: string; readonly sha256?: string; readonly licence?: string };
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
 * Parse a manifest; `source` is named in errors.
 *
 * @throws RestorectError `corrupt`: damaged, or no manifest; `schema`: newer, or not for ONNX.
 */
export function parseManifest(text: string, source: string): Manifest {
  const data = parsed(text, source);
  if (data.schema_version > SCHEMA_VERSION) {
    throw new RestorectError(
      "schema",
      `'${source}' has schema version ${data.schema_version}, this package reads up to ${SCHEMA_VERSION}: ` +
        "upgrade it, or export again with its version of restorect_edge",
    );
  }
  const fault = damage(data);
  if (fault !== null) throw new RestorectError("corrupt", `'${source}' is damaged: ${fault}; export again`);
  if (data.target !== "onnx") {
    throw new RestorectError(
      "schema",
      `'${source}' is for ${data.target}; browsers run ONNX: python -m restorect_edge.export --recipe export/web.toml`,
    );
  }
  return data;
}

function parsed(text: string, source: string): Manifest {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    data = null;
  }
  const version = (data as Partial<Manifest> | null)?.schema_version;
  if (!Number.isInteger(version)) {
    throw new RestorectError(
      "corrupt",
      `'${source}' is not a manifest: expected JSON with a schema_version, got '${text.slice(0, 40)}'`,
    );
  }
  return data as Manifest;
}

function damage(data: Manifest): string | null {
  const counts = [data.spec?.scale, data.spec?.size?.minimum, data.spec?.size?.multiple_of];
  if (!counts.every((n) => Number.isInteger(n) && n >= 1)) return "spec is incomplete";
  const halo = data.spec.halo;
  if (halo !== null && !(Number.isInteger(halo) && halo >= 0)) return "spec.halo is no number of pixels";
  if (!Array.isArray(data.graphs)) return "graphs is no list";
  const roles = data.graphs.map((graph) => graph.role).sort();
  if (data.form === "whole" && !roles.every((role) => role === "whole")) return "a whole artifact has other graphs";
  if (data.form === "split" && !(roles.includes("body") && roles.includes("prior") && data.prior)) {
    return "a split artifact lacks its prior or body";
  }
  if (roles.length === 0 || (data.form !== "whole" && data.form !== "split")) return "it has no graphs";
  const unhashed = data.graphs.find((graph) => typeof data.files?.[graph.file] !== "string");
  return unhashed === undefined ? null : `no sha256 of ${unhashed.file}`;
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
  const manifest = parseManifest(new TextDecoder().decode(await fetched(source)), source);
  const files = [...new Set(manifest.graphs.map((graph) => graph.file))];
  const content = await Promise.all(files.map((file) => checked(new URL(file, folder).href, manifest.files[file]!)));
  return { manifest, content: new Map(files.map((file, index) => [file, content[index]!])) };
}

async function fetched(url: string): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new RestorectError("missing", `cannot reach '${url}': ${String(error)}`);
  }
  if (!response.ok) {
    throw new RestorectError("missing", `'${url}' is missing: the server answered ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function checked(url: string, expected: string): Promise<Uint8Array<ArrayBuffer>> {
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
