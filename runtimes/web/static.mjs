/**
 * Make a folder that any host of files can serve: the demo page with artifacts and their index.
 *
 *     node static.mjs [--artifacts ../../out/web] [-o site] [--compress]
 *
 * `_headers` has the two headers that threads need, as Netlify and Cloudflare read them; without them one thread runs.
 * `--compress` puts a `.br` and a `.gz` beside each large file, for servers that send those (`brotli_static`,
 * `gzip_static`). Needs `npm run build` before.
 */

import { cp, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import zlib from "node:zlib";
import { ISOLATED, listed } from "./serve.mjs";

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(ROOT, "dist");
const LARGE = 100_000;
const PACKED = /\.(wasm|js|mjs|onnx)$/;

const { values: options } = parseArgs({
  options: {
    artifacts: { type: "string", default: path.join(ROOT, "../../out/web") },
    output: { type: "string", short: "o", default: path.join(ROOT, "site") },
    compress: { type: "boolean", default: false },
  },
});

await main();

async function main() {
  const rows = await listed(options.artifacts);
  if (rows.length === 0) return fail(`no artifacts for ONNX in '${options.artifacts}': python -m restorect_edge.export --recipe export/web.toml`);
  if (!(await stat(path.join(DIST, "index.html")).catch(() => null))) return fail("no dist/: npm run build");
  const out = path.resolve(options.output);
  if ((await readdir(out).catch(() => [])).length > 0) return fail(`'${options.output}' is not empty; choose another -o`);
  await cp(DIST, out, { recursive: true });
  await mkdir(path.join(out, "artifacts"), { recursive: true });
  for (const { folder } of rows) await cp(path.join(options.artifacts, folder), path.join(out, "artifacts", folder), { recursive: true });
  await writeFile(path.join(out, "artifacts/index.json"), JSON.stringify(rows));
  const headers = Object.entries(ISOLATED).map(([name, value]) => `  ${name}: ${value}\n`);
  await writeFile(path.join(out, "_headers"), `/*\n${headers.join("")}`);
  if (options.compress) await compress(out);
  process.stdout.write(`${rows.length} artifacts, ${out}\n`);
}

async function compress(folder) {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || !PACKED.test(entry.name) || (await stat(file)).size < LARGE) continue;
    const content = await readFile(file);
    const quality = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 9 } };
    await writeFile(`${file}.br`, await promisify(zlib.brotliCompress)(content, quality));
    await writeFile(`${file}.gz`, await promisify(zlib.gzip)(content));
  }
}

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exitCode = 1;
}
