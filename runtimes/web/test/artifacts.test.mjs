/** What the package says of artifacts that it cannot use, and of browsers that lack something. */

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";

const GOOD = process.env.ARTIFACTS;
let folder, session, page;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "artifacts-"));
  session = await start({ artifacts: folder, mounts: { "/good/": GOOD } });
  page = await session.page();
});
after(async () => {
  await session.close();
  await rm(folder, { recursive: true });
});

async function failureOf(name, change) {
  const copy = path.join(folder, name);
  await cp(path.join(GOOD, "nano"), copy, { recursive: true });
  await change(copy);
  return page.evaluate((url) => failure(() => web.load(url)), `/artifacts/${name}`);
}

async function edit(copy, change) {
  const file = path.join(copy, "manifest.json");
  const manifest = JSON.parse(await readFile(file, "utf8"));
  await writeFile(file, JSON.stringify(change(manifest) ?? manifest));
}

const UNUSABLE = {
  "no folder": ["missing", "manifest.json' is missing: the server answered 404", (copy) => rm(copy, { recursive: true })],
  "no model file": ["missing", "body.onnx' is missing: the server answered 404", (copy) => unlink(path.join(copy, "body.onnx"))],
  "one byte changed": [
    "corrupt",
    "body.onnx' is not what was exported: sha256",
    async (copy) => {
      const file = path.join(copy, "body.onnx");
      const content = await readFile(file);
      content[content.length >> 1] ^= 1;
      await writeFile(file, content);
    },
  ],
  "a model cut off": [
    "corrupt",
    "prior.onnx' is not what was exported",
    async (copy) => writeFile(path.join(copy, "prior.onnx"), (await readFile(path.join(copy, "prior.onnx"))).subarray(0, 999)),
  ],
  "a page instead of a manifest": ["corrupt", "is not a manifest", (copy) => writeFile(path.join(copy, "manifest.json"), "<!doctype html>")],
  "a manifest cut off": [
    "corrupt",
    "is not a manifest",
    async (copy) => writeFile(path.join(copy, "manifest.json"), (await readFile(path.join(copy, "manifest.json"))).subarray(0, 200)),
  ],
  "a manifest without hashes": ["corrupt", "no sha256 of prior.onnx", (copy) => edit(copy, (manifest) => void (manifest.files = {}))],
  "a manifest without a prior": ["corrupt", "described by 'prior'", (copy) => edit(copy, (manifest) => void (manifest.prior = null))],
  "a manifest without sides": ["corrupt", "spec.size lacks 'minimum'", (copy) => edit(copy, (manifest) => void (manifest.spec.size = {}))],
  "a manifest that is a list": ["corrupt", "is not a manifest", (copy) => edit(copy, () => [])],
  "a manifest with another key": ["corrupt", "unknown key 'surprise' in it", (copy) => edit(copy, (manifest) => void (manifest.surprise = 1))],
  "a newer schema": ["schema", "has schema version 2", (copy) => edit(copy, (manifest) => void (manifest.schema_version = 2))],
  "another target": ["schema", "is for coreml; browsers run ONNX", (copy) => edit(copy, (manifest) => void (manifest.target = "coreml"))],
};

for (const [what, [code, words, change]] of Object.entries(UNUSABLE)) {
  test(`${what}: ${code}`, async () => {
    const error = await failureOf(what.replaceAll(" ", "-"), change);
    assert.ok(error, "it was loaded");
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.includes(words), error.message);
  });
}

test("a graph that matches its hash and is no network: backend", async () => {
  const error = await failureOf("no-network", async (copy) => {
    const content = Buffer.from("not ONNX");
    await writeFile(path.join(copy, "body.onnx"), content);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    await edit(copy, (manifest) => void (manifest.files["body.onnx"] = Buffer.from(digest).toString("hex")));
  });
  assert.equal(error?.code, "backend", error?.message);
  assert.match(error.message, /cannot load body\.onnx/);
});

test("an artifact of fixed sides takes smaller pictures and refuses larger ones", async () => {
  const found = await page.evaluate(async () => {
    const whole = await web.load("/good/whole");
    const small = (await whole.restore(dark(61, 45))).image;
    const errors = [
      await failure(() => whole.restore(dark(97, 64))),
      await failure(() => whole.restore(dark(61, 45), { tile: 32 })),
      await failure(() => whole.video({ priorEvery: 4 })),
    ];
    whole.close();
    return { sides: [small.width, small.height], errors };
  });
  assert.deepEqual(found.sides, [61, 45]);
  assert.deepEqual(found.errors.map(({ code }) => code), ["size", "input", "input"]);
  assert.match(found.errors[0].message, /97×64|104×64/);
  assert.match(found.errors[1].message, /fixed at 96×64/);
});

test("WebGPU that is not there is refused, and without it the CPU is used and says so", async () => {
  const found = await page.evaluate(async () => {
    const refused = await failure(() => web.load("/good/nano", { backend: "webgpu" }));
    const { provider } = await web.load("/good/nano");
    return { refused, provider };
  });
  assert.equal(found.refused.code, "unsupported");
  assert.equal(found.provider.backend, "wasm");
  assert.match(found.provider.notes.join(), /On the CPU: WebGPU finds no graphics processor/);
});

test("a GPU that fails while the network is opened leaves the CPU", async () => {
  const other = await session.page("test/harness.html");
  // A real adapter cannot be made to fail at will: the worker sees one whose device never comes.
  await other.route("**/lib/worker.js", async (route) => {
    const gpu = `{ requestAdapter: async () => ({ info: {}, features: new Set(), limits: {}, requestDevice: async () => { throw new Error("lost"); } }) }`;
    const response = await route.fetch();
    const body = `Object.defineProperty(navigator, "gpu", { value: ${gpu} });${await response.text()}`;
    await route.fulfill({ response, body });
  });
  const { provider, sides } = await other.evaluate(async () => {
    const nano = await web.load("/good/nano");
    const { image } = await nano.restore(dark(40, 24));
    return { provider: nano.provider, sides: [image.width, image.height] };
  });
  assert.equal(provider.backend, "wasm");
  assert.match(provider.notes.join(), /On the CPU, since WebGPU failed/);
  assert.deepEqual(sides, [40, 24]);
});

test("a page that is not isolated has one thread, and says how to have more", async () => {
  const plain = await start({ artifacts: GOOD, isolated: false });
  try {
    const { provider } = await (await plain.page()).evaluate(async () => {
      const nano = await web.load("/artifacts/nano/", { backend: "wasm" });
      await nano.restore(dark(40, 24));
      return { provider: nano.provider };
    });
    assert.equal(provider.threads, 1);
    assert.match(provider.notes.join(), /Cross-Origin-Embedder-Policy: require-corp/);
  } finally {
    await plain.close();
  }
});
