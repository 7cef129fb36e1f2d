/** The demo page with photographs: samples, files, a large one, downloads, keyboard, phones, and no network. */

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";
import { picture, restored, withoutLongTasks } from "./demo.mjs";

const { ARTIFACTS, PHOTO } = process.env;
const LARGE = `/large/${path.basename(PHOTO)}`;
const AFTER = "#photo-views canvas";
const BEFORE = "#photo-views .before";
let session, page;

before(async () => {
  session = await start({ artifacts: ARTIFACTS, mounts: { "/large/": path.dirname(PHOTO) } });
  page = await session.page("", { viewport: { width: 1280, height: 800 } });
  await restored(page);
});
after(() => session.close());

test("the first sample is restored at once, with its times", async () => {
  await page.waitForFunction((view) => document.querySelector(view).width === 600, AFTER);
  const [dark, bright] = [await picture(page, BEFORE), await picture(page, AFTER)];
  assert.deepEqual([dark.width, dark.height, bright.width, bright.height], [600, 400, 600, 400]);
  assert.ok(bright.mean > dark.mean + 30, `${dark.mean} became ${bright.mean}`);
  assert.match(await page.textContent("#facts"), /^600 × 400 \(0\.2 megapixels\) in /);
  for (const stage of ["prepare", "prior", "model", "finish", "total"]) {
    assert.match(await page.textContent(`#${stage}`), /^[\d.]+ (ms|s)$/);
  }
  assert.match(await page.textContent("#provider"), /lowlight-nano, fp32 · ONNX Runtime Web .*, WASM SIMD, \d threads/);
});

test("everything is reached and moved by keyboard", async () => {
  assert.equal(await page.locator("#details[open]").count(), 0, "how it runs is folded away until asked for");
  await page.focus("#details summary");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#details[open]");
  const seen = new Set();
  for (let press = 0; press < 25; press++) {
    await page.keyboard.press("Tab");
    seen.add(await page.evaluate(() => document.activeElement.id || document.activeElement.parentElement.id));
  }
  const wanted = ["photo-mode", "live-mode", "theme", "split", "choose", "download", "samples", "network", "backend"];
  assert.deepEqual(wanted.filter((id) => !seen.has(id)), []);
  await page.focus("#split");
  await page.keyboard.press("Home");
  assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector("#photo-views .before")).clipPath), "inset(0px 100% 0px 0px)");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.inputValue("#split"), "0.5");
  await page.focus("#samples button:nth-child(2)");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#samples button:nth-child(2)[aria-pressed=true]");
  await restored(page);
});

test("every control has a name", async () => {
  const unnamed = await page.evaluate(() => {
    const named = (it) => (it.getAttribute("aria-label") ?? it.labels?.[0]?.textContent ?? it.textContent).trim() || it.querySelector("img")?.alt;
    return [...document.querySelectorAll("button, select, input:not([hidden])")].filter((it) => !named(it)).map((it) => it.outerHTML);
  });
  assert.deepEqual(unnamed, []);
});

test("a file that is no image is refused, and the picture stays", async () => {
  await page.setInputFiles("#file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await page.waitForSelector("#error:not([hidden])");
  assert.match(await page.textContent("#error"), /no image that this browser reads \(text\/plain, 5 bytes\)/);
  assert.ok((await picture(page, AFTER)).mean > 30);
  assert.ok(await page.isHidden("#wait"));
});

test("a photograph of 12 megapixels that is dropped is restored by tiles, and the page stays quick", async () => {
  await withoutLongTasks(page, async () => {
    const drop = await page.evaluateHandle(async (url) => {
      const drop = new DataTransfer();
      drop.items.add(new File([await (await fetch(url)).blob()], "night.out.jpg", { type: "image/jpeg" }));
      return drop;
    }, LARGE);
    await page.dispatchEvent("body", "dragover", { dataTransfer: drop });
    assert.ok(await page.isVisible("#drop"));
    await page.dispatchEvent("body", "drop", { dataTransfer: drop });
    await page.waitForFunction(() => /part [2-9] of \d+/.test(document.querySelector("#wait-text").textContent), null, { timeout: 60_000 });
    assert.ok(await page.isVisible("#cancel"));
    await restored(page, 120_000);
  });
  assert.match(await page.textContent("#facts"), /^4000 × 3000 \(12\.0 megapixels\) in /);
  const [dark, bright] = [await picture(page, BEFORE), await picture(page, AFTER)];
  assert.deepEqual([dark.width, bright.width], [4000, 4000], "what is uncovered is the new picture");
  assert.equal(await page.locator("#photo-views canvas").count(), 2);
  assert.ok(bright.mean > 30);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  assert.equal(download.suggestedFilename(), "night.out-restored.jpg");
  const file = await readFile(await download.path());
  assert.equal(file.readUInt16BE(0), 0xffd8);
  assert.ok(file.subarray(0, 4096).includes("Phone 12"), "the camera's EXIF data is kept");
});

test("a photograph is covered until its own picture is there, whatever was shown before", async () => {
  const seen = await page.evaluate(async () => {
    const view = document.querySelector("#photo-views");
    const wait = document.querySelector("#wait");
    document.querySelector("#samples button:nth-child(2)").click();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const sides = [];
    for (let frame = 0; frame < 40 || !wait.hidden; frame++) {
      await new Promise(requestAnimationFrame);
      if (wait.hidden && document.querySelector("#facts").textContent.startsWith("600")) {
        sides.push([...view.children].filter((it) => it.checkVisibility({ visibilityProperty: true })).map((it) => it.width));
      }
    }
    return sides;
  });
  assert.ok(seen.length > 0);
  for (const sides of seen) assert.deepEqual(sides, [600, 600]);
});

test("a long restoration can be cancelled, and the picture before stays", async () => {
  await page.setInputFiles("#file", PHOTO);
  await page.click("#cancel");
  await page.waitForFunction(() => document.querySelector("#facts").textContent === "Cancelled.");
  assert.ok(await page.isHidden("#error"));
  assert.ok(await page.isHidden("#wait"));
});

test("the restored picture is downloaded as it is", async () => {
  await page.click("#samples button:first-child");
  await page.waitForFunction(() => document.querySelector("#facts").textContent.startsWith("600"));
  await restored(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  assert.equal(download.suggestedFilename(), "kodak23-dark-restored.jpg");
  const file = await readFile(await download.path());
  assert.equal(file.readUInt16BE(0), 0xffd8);
});

test("a lossless photograph is downloaded lossless", async () => {
  const png = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(64, 48);
    canvas.getContext("2d").fillRect(0, 0, 9, 9);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });
  await page.setInputFiles("#file", { name: "scan.png", mimeType: "image/png", buffer: Buffer.from(png) });
  await page.waitForFunction(() => document.querySelector("#facts").textContent.startsWith("64 × 48"));
  await restored(page);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
  assert.equal(download.suggestedFilename(), "scan-restored.png");
  const file = await readFile(await download.path());
  assert.deepEqual([file.readUInt32BE(16), file.readUInt32BE(20)], [64, 48]);
});

test("the page says what it does, and what its weights may be used for", async () => {
  assert.match(await page.textContent("#intro"), /See what was there in the dark/);
  assert.match(await page.textContent("#license"), /^Weights lowlight-nano: research use/);
});

test("nothing is wider than a phone", async () => {
  const phone = await session.page("", { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
  await restored(phone);
  for (const mode of ["#photo-mode", "#live-mode"]) {
    await phone.tap(mode);
    const { wide, small } = await phone.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      small: [...document.querySelectorAll("button, select")].filter((it) => it.checkVisibility() && it.getBoundingClientRect().height < 38).map((it) => it.id),
    }));
    assert.equal(wide, 360);
    assert.deepEqual(small, []);
  }
  await phone.context().close();
});

test("once loaded, the page works without a network", async () => {
  await page.waitForFunction(() => document.querySelector("#offline").textContent === "Works offline from now on.");
  await page.context().setOffline(true);
  await session.offline();
  await page.reload();
  await restored(page);
  assert.ok((await picture(page, AFTER)).mean > 30);
  assert.match(await page.textContent("#provider"), /threads/);
  await page.click("#details summary");
  await page.selectOption("#network", "whole");
  await page.waitForSelector("#error:not([hidden])");
  assert.match(await page.textContent("#error"), /lowlight-small, fp32 is not on this device yet.*choose it once while there is a connection/i);
});

test("a model file that is missing or damaged is said, and another network mends it", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "artifacts-"));
  for (const name of ["corrupt", "missing"]) await cp(path.join(ARTIFACTS, "nano"), path.join(folder, name), { recursive: true });
  await cp(path.join(ARTIFACTS, "nano"), path.join(folder, "whole"), { recursive: true });
  await writeFile(path.join(folder, "corrupt/body.onnx"), "damaged");
  await unlink(path.join(folder, "missing/body.onnx"));
  const other = await start({ artifacts: folder });
  try {
    const broken = await other.page("");
    await broken.click("#details summary");
    for (const [name, words] of [["corrupt", /is not what was exported: sha256/], ["missing", /is missing: the server answered 404/]]) {
      await broken.selectOption("#network", name);
      await broken.waitForFunction((text) => !document.querySelector("#error").hidden && new RegExp(text).test(document.querySelector("#error").textContent), words.source);
      assert.ok(await broken.isVisible("#error"));
      assert.ok(await broken.isHidden("#wait"));
      assert.ok(await broken.isDisabled("#download"));
    }
    await broken.selectOption("#network", "whole");
    await restored(broken);
    assert.ok(await broken.isHidden("#error"));
  } finally {
    await other.close();
    await rm(folder, { recursive: true });
  }
});
