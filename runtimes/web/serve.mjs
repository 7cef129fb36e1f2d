/**
 * Serve the demo page, with the headers that threads need: on localhost, or for other devices with --host.
 *
 *     node serve.mjs [--port 8080] [--artifacts ../../out/web] [--host 0.0.0.0 [--cert FILE --key FILE]]
 */

import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { readFileSync } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { parseArgs } from "node:util";

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
};
const HINT =
  "On other devices browsers give the camera, threads and offline use to https alone: add --cert FILE --key FILE " +
  "(mkcert makes them), or put a proxy with https before this server.\n";
/** The task of the network that the page begins with. */
const USUAL = "lowlight";
export const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Return a server, not listening yet, of the built page and of artifacts under `/artifacts/`.
 *
 * @param artifacts folder that holds artifact folders.
 * @param mounts further folders by URL prefix, such as `/test/`.
 * @param isolated whether to send the headers that threads need.
 * @param secure certificate and key for https, as `node:https` takes them; null for http.
 */
export function server({ artifacts, mounts = {}, isolated = true, secure = null }) {
  const folders = { ...mounts, "/artifacts/": artifacts, "/": path.join(ROOT, "dist") };
  const answer = async (request, response) => {
    const headers = { "Cache-Control": "no-cache", ...(isolated ? ISOLATED : {}) };
    const send = (status, body, type) => response.writeHead(status, { ...headers, "Content-Type": type }).end(body);
    if (request.method !== "GET" && request.method !== "HEAD") return send(405, "only GET and HEAD", "text/plain");
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname === "/artifacts/index.json") return send(200, JSON.stringify(await listed(artifacts)), TYPES[".json"]);
    const file = await found(folders, pathname);
    if (file === null) return send(404, `no ${pathname}`, "text/plain");
    const type = TYPES[path.extname(file.path)] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "Content-Type": type, "Content-Length": file.size });
    if (request.method === "HEAD") return response.end();
    return createReadStream(file.path).on("error", () => response.destroy()).pipe(response);
  };
  return secure === null ? createServer(answer) : createSecureServer(secure, answer);
}

async function found(folders, pathname) {
  const prefix = Object.keys(folders).find((each) => pathname.startsWith(each));
  let name;
  try {
    name = decodeURIComponent(pathname.slice(prefix.length)) || "index.html";
  } catch {
    return null;
  }
  const file = path.resolve(folders[prefix], name);
  if (!file.startsWith(path.resolve(folders[prefix]) + path.sep)) return null;
  const facts = await stat(file).catch(() => null);
  return facts?.isFile() ? { path: file, size: facts.size } : null;
}

/** What the page may choose from: folders with a manifest for ONNX. */
export async function listed(folder) {
  const names = await readdir(folder).catch(() => []);
  const entries = names.sort().map(async (name) => {
    try {
      const manifest = JSON.parse(await readFile(path.join(folder, name, "manifest.json"), "utf8"));
      const { target, task, precision, weights } = manifest;
      const license = weights?.license ?? weights?.licence ?? ""; // as earlier versions spelt it
      return target === "onnx" ? { folder: name, name: manifest.name, task, precision, license } : null;
    } catch {
      return null; // another folder
    }
  });
  const there = (await Promise.all(entries)).filter((entry) => entry !== null);
  return there.sort((one, other) => (other.task === USUAL) - (one.task === USUAL));
}

function main() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8080" },
      artifacts: { type: "string", default: path.join(ROOT, "../../out/web") },
      host: { type: "string", default: "localhost" },
      cert: { type: "string" },
      key: { type: "string" },
    },
  });
  const port = Number(values.port);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536)) fail(`a port is a number from 0 to 65535, got '${values.port}'`, 1);
  const serving = server({ artifacts: values.artifacts, secure: certificate(values) });
  serving.on("error", (error) => {
    if (error.code === "EADDRINUSE") fail(`port ${port} is in use: stop what uses it, or choose another: make demo-web PORT=${port + 1}`, 1);
    fail(`cannot serve on port ${port}: ${error.message}`, 5);
  });
  serving.listen(port, values.host, () => {
    const scheme = values.cert ? "https" : "http";
    process.stdout.write(`${scheme}://${values.host}:${serving.address().port}/  (Ctrl-C stops)\n`);
    if (values.host !== "localhost" && !values.cert) process.stdout.write(HINT);
  });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      serving.close(() => process.exit(0));
      serving.closeAllConnections();
    });
  }
}

function certificate({ cert, key }) {
  if (!cert && !key) return null;
  if (!cert || !key) fail("--cert and --key go together: the certificate and its private key, as PEM files", 1);
  try {
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } catch (error) {
    return fail(`cannot read the certificate: ${error.message}`, 1);
  }
}

function fail(message, code) {
  process.stderr.write(`serve: error: ${message}\n`);
  process.exit(code);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
