/** The demo page with a camera: live, quick, hidden, refused, absent and unplugged. */

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "./browser.mjs";
import { picture, restored, withoutLongTasks } from "./demo.mjs";

const { ARTIFACTS, CAMERA } = process.env;
/** Milliseconds over which tasks are watched. */
const WATCHED = 3000;
const session = await start({ artifacts: ARTIFACTS, video: CAMERA });
after(() => session.close());

async function live(page) {
  await page.click("#live-mode");
  assert.match(await page.textContent("#facts"), /^Press Start/);
  await page.click("#start");
  await page.waitForFunction(() => Number(document.querySelector("#fps").textContent) > 0, null, { timeout: 60_000 });
}

test("the live view is restored, says how quick it is, and never holds the page up", async () => {
  const page = await session.page("");
  await live(page);
  assert.match(await page.textContent("#facts"), /^Live at 320 × 240$/);
  for (const stage of ["prepare", "model", "finish", "total"]) assert.match(await page.textContent(`#${stage}`), /^[\d.]+ (ms|s)$/);
  await page.waitForFunction(() => document.querySelector("#live-views canvas").width === 320);
  const [dark, bright] = [await picture(page, "#live-views .before"), await picture(page, "#live-views canvas")];
  assert.ok(bright.mean > dark.mean + 20, `${dark.mean} became ${bright.mean}`);

  await withoutLongTasks(page, () => page.waitForTimeout(WATCHED));
  const fps = Number(await page.textContent("#fps"));
  assert.ok(fps > 0);
  console.log(`live view at 320x240: ${fps} FPS, no task of 50 ms or more`);
  const held = () => page.evaluate(() => setTimeout(() => { for (const begun = performance.now(); performance.now() - begun < 80; ); }));
  await assert.rejects(withoutLongTasks(page, held, 1), /took [89]\d|took \d{3}/, "a long task is seen where there is one");

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#snapshot")]);
  assert.equal(download.suggestedFilename(), "restored-frame.png");
  const file = await readFile(await download.path());
  assert.deepEqual([file.readUInt32BE(16), file.readUInt32BE(20)], [320, 240]);

  await page.selectOption("#size", "240");
  await page.waitForFunction(() => document.querySelector("#facts").textContent === "Live at 240 × 180");
  await page.click("#start");
  await page.waitForFunction(() => document.querySelector("#facts").textContent === "The camera is off.");
  assert.equal(await page.textContent("#fps"), "–");

  await page.click("#start");
  await page.click("#photo-mode"); // before there is a picture
  await restored(page);
  await page.waitForTimeout(1000);
  assert.match(await page.textContent("#facts"), /^600 × 400/);
  assert.equal(await page.textContent("#fps"), "–");
  await page.context().close();
});

test("a hidden tab restores nothing, and goes on with its own latent when it is seen again", async () => {
  const [page, other] = await session.tabs("test/harness.html");
  const seen = () => page.evaluate(() => window.stats ?? { frames: 0 });
  const more = (frames) => page.waitForFunction((frames) => window.stats?.frames > frames, frames, { timeout: 60_000 });
  await page.evaluate(async () => {
    const nano = await web.load("/artifacts/nano/");
    window.video = Object.assign(document.createElement("video"), { srcObject: await web.openCamera(), muted: true });
    window.view = await web.LiveView.start(nano, video, { longestSide: 160, priorEvery: 1000, onFrame: (stats) => (window.stats = stats) });
  });
  await more(3);
  await other.bringToFront();
  await page.waitForFunction(() => document.hidden && video.paused, null, { polling: 100 });
  await other.waitForTimeout(500);
  const hidden = await seen();
  await other.waitForTimeout(1500);
  assert.equal((await seen()).frames, hidden.frames);
  await page.bringToFront();
  await more(hidden.frames + 3);
  assert.equal((await seen()).priors, hidden.priors + 1, "the prior runs again");

  const ended = await page.evaluate(async () => {
    const ended = [];
    await view.stop();
    const frames = stats.frames;
    await new Promise((resolve) => setTimeout(resolve, 500));
    const other = await web.LiveView.start(await web.load("/artifacts/nano/"), video, { onEnd: (error) => ended.push(error.code) });
    video.srcObject.getVideoTracks()[0].dispatchEvent(new Event("ended")); // as when it is unplugged
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { ended, still: stats.frames === frames, snapshot: (await failure(() => other.snapshot())).code };
  });
  assert.deepEqual(ended, { ended: ["camera"], still: true, snapshot: "closed" });
  await page.close();
});

test("the example of the README runs", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "site-"));
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  await writeFile(path.join(folder, "index.html"), /```html\n(.*?)```/s.exec(readme)[1]);
  await symlink(path.join(ARTIFACTS, "nano"), path.join(folder, "lowlight-nano-onnx-fp32-split-dynamic"));
  await symlink(fileURLToPath(new URL("../dist/lib", import.meta.url)), path.join(folder, "restorect"));
  const other = await start({ artifacts: ARTIFACTS, video: CAMERA, mounts: { "/site/": folder } });
  try {
    const page = await other.page("site/");
    await page.waitForFunction(() => document.querySelector("#view").width === 320, null, { timeout: 60_000 });
    assert.ok((await picture(page, "#view")).mean > 20);
  } finally {
    await other.close();
    await rm(folder, { recursive: true });
  }
});

for (const [camera, words] of [["refused", /camera was refused: allow it/], ["absent", /no camera was found/]]) {
  test(`a camera that is ${camera} is said, and photographs still work`, async () => {
    const without = await start({ artifacts: ARTIFACTS, camera });
    try {
      const page = await without.page("");
      await page.click("#live-mode");
      assert.ok(await page.isHidden("#error"), "nothing is asked of the camera unasked");
      await page.click("#start");
      await page.waitForSelector("#error:not([hidden])");
      assert.match((await page.textContent("#error")).toLowerCase(), words);
      assert.ok(await page.isHidden("#wait"));
      assert.ok(await page.isHidden("#frame"), "there is nothing to compare");
      assert.equal(await page.textContent("#start"), "Start");
      await page.click("#photo-mode");
      await restored(page);
      assert.ok(await page.isHidden("#error"));
    } finally {
      await without.close();
    }
  });
}
