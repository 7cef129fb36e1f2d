/** Build `dist/`: the demo page, and in `dist/lib/` the package. `node build.mjs`. */

import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { build } from "esbuild";

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(ROOT, "dist");
const SAMPLES = path.join(ROOT, "../../restorect_edge/media/photos");
const ORT = path.join(ROOT, "node_modules/onnxruntime-web/dist");
/** ONNX Runtime's builds: for the CPU, and for WebGPU. */
const BUILDS = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"];
/** Not fetched before it is needed: 27 MB for WebGPU. */
const NOT_AHEAD = [/\.map$/, /asyncify/, /\.d\.ts$/];

/** Scenes from the one that shows the network best to the hardest. */
const SCENES = ["kodak23", "kodak07", "kodak15", "kodak04"];

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  sourcemap: true,
  logLevel: "warning",
};

await rm(DIST, { recursive: true, force: true });
await library();
await demo();
await serviceWorker();

async function library() {
  await build({ ...COMMON, entryPoints: ["src/index.ts"], outdir: "dist/lib" });
  await build({
    ...COMMON,
    entryPoints: ["src/worker.ts"],
    outdir: "dist/lib",
    splitting: true,
    chunkNames: "ort-[hash]",
    conditions: ["onnxruntime-web-use-extern-wasm"],
  });
  await mkdir(path.join(DIST, "lib/ort"), { recursive: true });
  // once for who copies the folder, and once where `npm pack` looks for it
  for (const to of ["dist/lib/LICENSE", "LICENSE"]) await cp(path.join(ROOT, "../../LICENSE"), path.join(ROOT, to));
  await cp(path.join(ROOT, "licenses/onnxruntime.txt"), path.join(DIST, "lib/ort/LICENSE"));
  for (const name of BUILDS) {
    for (const end of [".mjs", ".wasm"]) await cp(path.join(ORT, name + end), path.join(DIST, "lib/ort", name + end));
  }
}

async function demo() {
  const asUsed = {
    name: "the package as a page imports it",
    setup: (it) => it.onResolve({ filter: /^restorect-edge-web$/ }, () => ({ path: "./lib/index.js", external: true })),
  };
  await build({ ...COMMON, entryPoints: ["demo/demo.ts", "demo/demo.css"], outdir: "dist", plugins: [asUsed] });
  for (const name of ["index.html", "icon.svg", "demo.webmanifest"]) {
    await cp(path.join(ROOT, "demo", name), path.join(DIST, name));
  }
  await samples();
}

function inOrder(one, other) {
  const place = (name) => SCENES.findIndex((scene) => name.startsWith(scene));
  return place(one) - place(other);
}

/** The package's own photographs, by what they are for. */
async function samples() {
  const found = {};
  for (const task of await readdir(SAMPLES)) {
    const folder = path.join(SAMPLES, task);
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".webp")).sort(inOrder);
    if (task === "clean" || names.length === 0) continue;
    await mkdir(path.join(DIST, "samples", task), { recursive: true });
    for (const name of names) await cp(path.join(folder, name), path.join(DIST, "samples", task, name));
    found[task] = names.map((name) => `samples/${task}/${name}`);
  }
  await writeFile(path.join(DIST, "samples/index.json"), JSON.stringify(found));
}

/** The service worker knows the page's files, and by their hash when they change. */
async function serviceWorker() {
  const files = (await readdir(DIST, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !NOT_AHEAD.some((skip) => skip.test(entry.name)))
    .map((entry) => path.relative(DIST, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"))
    .sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(await readFile(path.join(DIST, file)));
  await build({
    ...COMMON,
    entryPoints: ["demo/sw/sw.ts"],
    outfile: "dist/sw.js",
    format: "iife",
    define: { FILES: JSON.stringify(["./", ...files]), VERSION: JSON.stringify(hash.digest("hex").slice(0, 12)) },
  });
}
