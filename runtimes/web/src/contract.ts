/** The contract of a manifest, `spec/README.md`: what is in it, and what is refused. */

import { RestorectError } from "./errors.js";
import { Damage, shown, strictJson } from "./json.js";
import type { GraphFile, Manifest, PriorSpec, Size } from "./manifest.js";

type Json = Record<string, unknown>;

/** The newest manifest that is read. */
const SCHEMA_VERSION = 1;

const LARGEST_SIDE = 65536;
const LARGEST_MULTIPLE = 4096;
const MOST_GRAPHS = 256;
const NEEDED = ["schema_version", "name", "task", "target", "precision", "form", "spec", "graphs", "files"];
const OPTIONAL = ["prior", "steps", "input", "weights", "tools", "options", "created", "toolkit_version", "verification"];
const CONTROL = /[\x00-\x1f\x7f]/;

/**
 * Read a manifest; `source` is named in errors.
 *
 * @throws RestorectError `corrupt`: damaged, or no manifest; `schema`: newer.
 */
export function readManifest(content: Uint8Array, source: string): Manifest {
  const data = documented("is not a manifest", source, () => versioned(strictJson(content)));
  const version = data["schema_version"] as number;
  if (version > SCHEMA_VERSION) {
    throw new RestorectError(
      "schema",
      `'${source}' has schema version ${version}, this package reads up to ${SCHEMA_VERSION}: ` +
        "upgrade it, or export again with its version of restorect_edge",
    );
  }
  return documented("is damaged", source, () => manifestOf(data));
}

function documented<T>(state: string, source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new RestorectError("corrupt", `'${source}' ${state}: ${error.message}; export again`);
  }
}

function versioned(value: unknown): Json {
  const data = isObject(value) ? value : {};
  const version = Object.hasOwn(data, "schema_version") ? data["schema_version"] : null;
  if (!(typeof version === "number" && Number.isInteger(version) && version >= 1)) {
    throw new Damage("it has no schema_version");
  }
  return data;
}

function manifestOf(data: Json): Manifest {
  object(data, "it", NEEDED, OPTIONAL);
  for (const key of ["name", "task", "target", "precision"]) text(data[key], key, 1);
  for (const key of ["created", "toolkit_version"]) if (Object.hasOwn(data, key)) text(data[key], key);
  for (const key of ["input", "verification"]) texts(data, key, []);
  texts(data, "weights", ["name", "sha256", "license", "licence"]);
  texts(data, "options", ["cpu"]);
  texts(data, "tools", null);
  const spec = imageSpec(data["spec"]);
  const prior = data["prior"] == null ? null : priorSpec(data["prior"], spec.size.multiple_of);
  const manifest = {
    ...(data as unknown as Manifest),
    spec,
    graphs: graphFiles(data["graphs"]),
    prior,
    steps: data["steps"] == null ? null : number(data["steps"], "steps", 1, LARGEST_SIDE),
    weights: (data["weights"] ?? {}) as Manifest["weights"],
  };
  checkForm(manifest);
  checkFiles(data["files"], manifest.graphs);
  return manifest;
}

function imageSpec(data: unknown): Manifest["spec"] {
  const spec = object(data, "spec", ["scale", "size", "halo"], []);
  const size = object(spec["size"], "spec.size", ["minimum", "multiple_of"], []);
  return {
    scale: number(spec["scale"], "spec.scale", 1, 16),
    size: {
      minimum: number(size["minimum"], "spec.size.minimum", 1, LARGEST_MULTIPLE),
      multiple_of: number(size["multiple_of"], "spec.size.multiple_of", 1, LARGEST_MULTIPLE),
    },
    halo: spec["halo"] === null ? null : number(spec["halo"], "spec.halo", 0, LARGEST_SIDE),
  };
}

function priorSpec(data: unknown, multiple: number): PriorSpec {
  const { thumbnail, pool, deviation = false } = object(data, "prior", ["thumbnail", "pool"], ["deviation"]);
  if (typeof deviation !== "boolean") throw new Damage("prior.deviation is no boolean");
  const side = number(pool, "prior.pool", 1, 256);
  // padded sides are multiples of the one, and have to hold whole blocks of the other
  if (multiple % side !== 0) throw new Damage("prior.pool does not divide spec.size.multiple_of");
  return { thumbnail: number(thumbnail, "prior.thumbnail", 1, 1024), pool: side, deviation };
}

function graphFiles(data: unknown): GraphFile[] {
  if (!Array.isArray(data) || data.length === 0 || data.length > MOST_GRAPHS) {
    throw new Damage(`graphs is no list of 1 to ${MOST_GRAPHS} graphs`);
  }
  return data.map((graph: unknown) => {
    const { role, file, shape } = object(graph, "graphs", ["role", "file"], ["shape"]);
    if (role !== "whole" && role !== "prior" && role !== "body") throw new Damage("graphs.role is not known");
    if (typeof file !== "string") throw new Damage("graphs.file is no text");
    checkPath(file, "graphs.file");
    return { role, file, shape: shape == null ? null : sides(shape) };
  });
}

function sides(shape: unknown): Size {
  if (!Array.isArray(shape) || shape.length !== 2) throw new Damage("graphs.shape is no list of height and width");
  const [height, width] = shape.map((side: unknown) => number(side, "graphs.shape", 1, LARGEST_SIDE));
  return [height!, width!];
}

function checkForm({ form, graphs, prior }: Manifest): void {
  const count = (role: string) => graphs.filter((graph) => graph.role === role).length;
  if (form === "whole") {
    if (count("whole") !== graphs.length || prior) throw new Damage("a whole artifact has another graph or a prior");
  } else if (form === "split") {
    if (count("prior") !== 1 || count("body") !== graphs.length - 1 || graphs.length === 1 || !prior) {
      throw new Damage("a split artifact has one prior, described by 'prior', and at least one body");
    }
  } else {
    throw new Damage("form is neither whole nor split");
  }
}

function checkFiles(data: unknown, graphs: readonly GraphFile[]): void {
  if (!isObject(data)) throw new Damage("files is no object");
  for (const [name, digest] of Object.entries(data)) {
    checkPath(name, "files");
    if (typeof digest !== "string" || !/^[0-9a-f]{64}$/.test(digest)) throw new Damage(`files.${name} is no sha256`);
  }
  const hashed = Object.keys(data);
  for (const { file } of graphs) {
    const folder = hashed.some((name) => name.startsWith(`${file}/`));
    if (!Object.hasOwn(data, file) && !folder) throw new Damage(`no sha256 of ${file}`);
  }
}

/** Refuse the path of a file that no system keeps within the folder, or that none has. */
function checkPath(path: string, name: string): void {
  if (CONTROL.test(path) || /[\\:]/.test(path) || path === "manifest.json") {
    throw new Damage(`${name} '${shown(path)}' is no path of a file of the artifact`);
  }
  // An absolute path has an empty part; '..' and '.' end in a dot, which Windows drops, as it does spaces.
  if (path.split("/").some((part) => part === "" || /[. ]$/.test(part))) {
    throw new Damage(`${name} '${path}' is absolute, or has a part that is empty or ends in a dot or a space`);
  }
}

function object(value: unknown, name: string, needed: readonly string[], optional: readonly string[]): Json {
  if (!isObject(value)) throw new Damage(`${name} is no object`);
  const unknown = Object.keys(value).find((key) => !needed.includes(key) && !optional.includes(key));
  if (unknown !== undefined) throw new Damage(`unknown key '${shown(unknown)}' in ${name}`);
  const missing = needed.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) throw new Damage(`${name} lacks '${missing}'`);
  return value;
}

function text(value: unknown, name: string, least = 0): void {
  if (typeof value !== "string") throw new Damage(`${name} is no text`);
  if (CONTROL.test(value)) throw new Damage(`${name} has a control character`);
  if (value.length < least) throw new Damage(`${name} is empty`);
}

/** Refuse an object whose named values, or all of them, are no text. */
function texts(data: Json, key: string, only: readonly string[] | null): void {
  if (!Object.hasOwn(data, key)) return;
  const found = data[key];
  if (!isObject(found)) throw new Damage(`${key} is no object`);
  for (const [name, value] of Object.entries(found)) {
    if ((only === null || only.includes(name)) && typeof value !== "string") {
      throw new Damage(`${key}.${shown(name)} is no text`);
    }
  }
}

function number(value: unknown, name: string, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  const got = shown(String(JSON.stringify(value)));
  throw new Damage(`${name} is ${got}, expected a whole number from ${least} to ${most}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
