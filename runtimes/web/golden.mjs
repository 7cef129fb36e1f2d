/**
 * Pass the golden vectors through the package in headless Chromium: a JSON line per artifact, frame layout and form.
 *
 *     node golden.mjs [--artifact DIR]... [--golden DIR] [--backend wasm|webgpu] [--threads N] [--rounds N]
 *
 * Artifacts are those of the vectors' weights, for ONNX: whole ones, of which the vectors with their sides are run,
 * and split ones with free sides. `../golden/README.md` describes the keys of a line. Needs `npm run build` before.
 * Exits with 2 where a vector fails.
 */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { parseArgs } from "node:util";
import { start } from "./test/browser.mjs";

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const BACKENDS = ["wasm", "webgpu"];

const { values: options } = parseArgs({
  options: {
    artifact: { type: "string", multiple: true, default: [] },
    golden: { type: "string", default: path.join(ROOT, "../golden") },
    backend: { type: "string", default: "wasm" },
    threads: { type: "string" },
    rounds: { type: "string", default: "0" },
  },
});
const threads = options.threads === undefined ? undefined : counted("threads", 1);
const rounds = counted("rounds", 0);
if (!BACKENDS.includes(options.backend)) fail(`--backend is ${BACKENDS.join(" or ")}, got '${options.backend}'`, 1);

const golden = JSON.parse(await read(path.join(options.golden, "golden.json")));
const artifacts = await Promise.all(options.artifact.map(described));
const session = await start({
  artifacts: options.golden,
  mounts: { "/golden/": options.golden, ...Object.fromEntries(artifacts.map(({ url, folder }) => [url, folder])) },
  gpu: options.backend === "webgpu" ? "software" : "none",
});
try {
  const page = await session.page();
  await page.exposeFunction("line", (line) => {
    process.stdout.write(`${JSON.stringify(line)}\n`);
    if (line.passed < line.vectors) process.exitCode = 2;
  });
  await page.evaluate(
    async (task) => {
      const { pass } = await import("/test/vectors.mjs");
      await pass(task, window.line);
    },
    { golden, artifacts, backend: options.backend, threads, rounds },
  );
} finally {
  await session.close();
}

async function described(folder, index) {
  const manifest = JSON.parse(await read(path.join(folder, "manifest.json")));
  if (manifest.weights.sha256 !== golden.weights.sha256) {
    fail(`'${folder}' has other weights than the vectors: export ${golden.weights.name}`, 4);
  }
  if (manifest.target !== "onnx") fail(`'${folder}' is for ${manifest.target}; browsers run ONNX`, 4);
  const { form, precision, graphs } = manifest;
  const sides = graphs.filter(({ role }) => role !== "prior").map(({ shape }) => shape?.join("x") ?? null);
  return { folder: path.resolve(folder), url: `/artifact/${index}/`, form, precision, sides };
}

async function read(file) {
  return readFile(file, "utf8").catch(() => fail(`'${file}' is missing`, 4));
}

function counted(name, least) {
  const count = Number(options[name]);
  if (!Number.isInteger(count) || count < least) fail(`--${name} is a whole number from ${least}, got '${options[name]}'`, 1);
  return count;
}

function fail(message, code) {
  process.stderr.write(`golden: error: ${message}\n`);
  process.exit(code);
}
