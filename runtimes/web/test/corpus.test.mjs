/** The corpus that every reader of manifests passes, `spec/README.md`. CORPUS names another folder, made alike. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { bundled } from "./bundled.mjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const OURS = path.join(ROOT, "../../spec/manifests");
const CORPUS = process.env.CORPUS ?? OURS;
const KINDS = {
  "' is not a manifest: ": "not a manifest",
  "' has schema version ": "newer",
  "' is damaged: ": "damaged",
  "' is missing: ": "missing",
  "' is not what was exported: ": "changed",
};

const { readManifest, fetchArtifact } = await bundled(
  'export { readManifest } from "./contract.js"; export { fetchArtifact } from "./manifest.js";',
);
const index = JSON.parse(await readFile(path.join(CORPUS, "index.json"), "utf8"));

async function kindOf(work) {
  try {
    await work();
    return "valid";
  } catch (error) {
    assert.equal(error.name, "RestorectError", error.stack);
    const words = Object.keys(KINDS).find((words) => error.message.includes(words));
    return KINDS[words] ?? error.message;
  }
}

test(`${index.manifests.length} manifests are taken or refused as they must be`, async () => {
  for (const row of index.manifests) {
    const content = await readFile(path.join(CORPUS, row.file));
    const spaces = Buffer.alloc(Math.max(0, (row.padded_to ?? 0) - content.length), " ");
    const padded = Buffer.concat([content, spaces]);
    assert.equal(await kindOf(() => readManifest(padded, row.file)), row.kind, JSON.stringify(row));
  }
});

/** Serve a folder; what is no file of it is answered with 404. */
async function served(folder, use) {
  const server = createServer(async (request, response) => {
    const file = path.join(folder, decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const facts = await stat(file).catch(() => null);
    response.writeHead(facts?.isFile() ? 200 : 404);
    response.end(facts?.isFile() ? await readFile(file) : "");
  });
  await new Promise((ready) => server.listen(0, "localhost", ready));
  try {
    return await use(`http://localhost:${server.address().port}`);
  } finally {
    server.close();
  }
}

const CHANGES = {
  none: () => null,
  remove: (file) => rm(file),
  edit: (file) => writeFile(file, "x"),
  empty: (file) => writeFile(file, ""),
};

// Links are the server's affair, and files that are no graph are not fetched.
for (const { name, change, path: file, kind } of index.folders ?? []) {
  if (!(change in CHANGES)) continue;
  test(`${name}: ${kind}`, async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "corpus-"));
    try {
      await cp(path.join(CORPUS, "artifact"), folder, { recursive: true });
      await cp(path.join(CORPUS, "valid/file-names.json"), path.join(folder, "manifest.json"));
      await CHANGES[change](path.join(folder, file));
      assert.equal(await served(folder, (url) => kindOf(() => fetchArtifact(url))), kind);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test("signs of addresses are part of a file's name", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "corpus-"));
  try {
    const name = "a photo, 50%2e #1?.onnx";
    const manifest = JSON.parse(await readFile(path.join(OURS, "valid/whole.json"), "utf8"));
    manifest.files = { [name]: manifest.files["model.onnx"] };
    manifest.graphs[0].file = name;
    await cp(path.join(OURS, "artifact/model.onnx"), path.join(folder, name));
    await writeFile(path.join(folder, "manifest.json"), JSON.stringify(manifest));
    const { content } = await served(folder, (url) => fetchArtifact(url));
    assert.deepEqual([...content.keys()], [name]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
