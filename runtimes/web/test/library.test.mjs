/** The package in a page: pictures in every form, tiles, streams, and what it says of bad input. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { start } from "./browser.mjs";

const NANO = "/artifacts/nano/";
let session, page;

before(async () => {
  session = await start({ artifacts: process.env.ARTIFACTS });
  page = await session.page();
  await page.evaluate(async (url) => (window.nano = await web.load(url)), NANO);
});
after(() => session.close());

test("a picture is restored, on the threads that the page may use", async () => {
  const found = await page.evaluate(async () => {
    const before = dark(61, 45);
    const { image, timings } = await nano.restore(before);
    const mean = ({ data }) => data.reduce((sum, value) => sum + value, 0) / data.length;
    const opaque = image.data.every((value, at) => at % 4 < 3 || value === 255);
    return { sides: [image.width, image.height], brighter: mean(image) - mean(before), opaque, timings, provider: nano.provider };
  });
  assert.deepEqual(found.sides, [61, 45]);
  assert.ok(found.brighter > 15, `the picture became ${found.brighter} levels brighter`);
  assert.ok(found.opaque);
  assert.equal(found.provider.backend, "wasm");
  assert.ok(found.provider.threads >= 2, found.provider.name);
  const { total, ...stages } = found.timings;
  assert.ok(Object.values(stages).every((time) => time > 0));
  assert.ok(Object.values(stages).reduce((sum, time) => sum + time) <= total + 0.1);
});

test("the same picture in any form gives the same result", async () => {
  const worst = await page.evaluate(async () => {
    const [width, height] = [64, 48];
    const image = dark(width, height);
    const expected = (await nano.restore(image)).image;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").putImageData(image, 0, 0);
    const stride = 4 * width + 20;
    const data = new Uint8Array(stride * height).fill(0xa5);
    for (let at = 0; at < image.data.length; at += 4) {
      const [red, green, blue] = image.data.subarray(at, at + 3);
      data.set([blue, green, red, at % 256], stride * Math.floor(at / (4 * width)) + (at % (4 * width)));
    }
    const frame = new VideoFrame(image.data, { format: "RGBX", codedWidth: width, codedHeight: height, timestamp: 0 });
    const forms = {
      frame,
      bitmap: await createImageBitmap(image),
      file: await canvas.convertToBlob(),
      raw: { layout: "bgra", width, height, stride, data },
    };
    const found = {};
    for (const [name, form] of Object.entries(forms)) found[name] = apart((await nano.restore(form)).image, expected);
    const bitmap = (await nano.restoreToBitmap(image)).image;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    found.shown = apart(canvas.getContext("2d").getImageData(0, 0, width, height), expected);
    found.still = frame.codedWidth - width; // the caller's frame is not closed
    frame.close();
    return found;
  });
  assert.deepEqual(worst, { frame: 0, bitmap: 0, file: 0, raw: 0, shown: 0, still: 0 });
});

test("a camera's NV12 and I420 frames are read exactly, of odd sides too", async () => {
  const worst = await page.evaluate(async () => {
    const [width, height] = [64, 48];
    const nv12 = Uint8Array.from({ length: width * height * 1.5 }, (_, at) => (at < width * height ? 16 + (at % 61) : 110 + (at % 37)));
    const chroma = nv12.subarray(width * height);
    const i420 = Uint8Array.from([...nv12.subarray(0, width * height), ...chroma.filter((_, at) => at % 2 === 0), ...chroma.filter((_, at) => at % 2 === 1)]);
    const colorSpace = { matrix: "bt709", fullRange: false, primaries: "bt709", transfer: "bt709" };
    const about = { codedWidth: width, codedHeight: height, timestamp: 0, colorSpace };
    const raw = { layout: "nv12", width, height, data: nv12, matrix: "bt709", range: "limited" };
    const expected = (await nano.restore(raw)).image;
    const found = [];
    for (const [format, data] of [["NV12", nv12], ["I420", i420]]) {
      const frame = new VideoFrame(data, { format, ...about });
      found.push(apart((await nano.restore(frame)).image, expected));
      frame.close();
    }
    const odd = new VideoFrame(i420, { format: "I420", ...about, visibleRect: { x: 0, y: 0, width: 63, height: 47 } });
    const { image } = await nano.restore(odd);
    odd.close();
    const cut = web.toImageData(raw);
    const cropped = new ImageData(63, 47);
    for (let row = 0; row < 47; row++) cropped.data.set(cut.data.subarray(4 * 64 * row, 4 * (64 * row + 63)), 4 * 63 * row);
    return [...found, apart(image, (await nano.restore(cropped)).image)];
  });
  assert.deepEqual(worst, [0, 0, 0]);
});

test("calls that overlap give what each gives alone, in a stream beside them too", async () => {
  const found = await page.evaluate(async () => {
    const images = [dark(64, 48), dark(301, 187), dark(33, 70), new ImageData(64, 48)];
    const alone = [];
    for (const image of images) alone.push((await nano.restore(image)).image);
    const stream = await nano.video({ priorEvery: 2, smooth: 0.5 });
    const frames = [];
    for (let frame = 0; frame < 3; frame++) frames.push((await stream.restore(images[0])).image);
    await stream.reset();
    const calls = images.flatMap((image, at) => [0, 48].map((tile) => nano.restore(image, tile ? { tile } : {}).then((got) => [at, tile, got])));
    const again = [0, 1, 2].map(() => stream.restore(images[0]));
    const together = await Promise.all(calls);
    const apartMost = (tiled) => Math.max(...together.filter(([, tile]) => (tile > 0) === tiled).map(([at, , got]) => apart(got.image, alone[at])));
    const video = (await Promise.all(again)).map(({ image }, at) => apart(image, frames[at]));
    const timed = together.every(([, , { timings }]) => timings.model > 0 && timings.model <= timings.total);
    await stream.close();
    return { whole: apartMost(false), tiled: apartMost(true) <= 1, video, timed };
  });
  assert.deepEqual(found, { whole: 0, tiled: true, video: [0, 0, 0], timed: true });
});

test("tiles of any side give the whole picture", async () => {
  const worst = await page.evaluate(async () => {
    const image = dark(301, 187);
    const parts = [];
    const whole = (await nano.restore(image)).image;
    const small = await nano.restore(image, { tile: 48, onProgress: (done, total) => parts.push([done, total]) });
    return { small: apart(small.image, whole), large: apart((await nano.restore(image, { tile: 160 })).image, whole), parts };
  });
  assert.ok(worst.small <= 1 && worst.large <= 1, JSON.stringify(worst));
  assert.ok(worst.parts.length >= 9);
  assert.deepEqual(worst.parts.at(-1), [worst.parts.length, worst.parts.length]);
});

test("a stream runs the prior every few frames, sees a cut, and gives files", async () => {
  const found = await page.evaluate(async () => {
    const [one, other] = [dark(96, 64), dark(96, 64)];
    other.data.forEach((value, at) => (other.data[at] = 255 - value));
    const stream = await nano.video({ priorEvery: 4, smooth: 0.5 });
    const frames = [];
    for (let index = 0; index < 12; index++) frames.push(await stream.restore(index < 6 ? one : other));
    const file = await stream.snapshot({ type: "image/webp" });
    const alone = (await nano.restore(other)).image;
    await stream.reset();
    const fresh = (await stream.restore(other)).image;
    await stream.close();
    const ended = await failure(() => stream.restore(one));
    const { cuts, priors } = frames.at(-1);
    return { cuts, priors, type: file.type, after: apart(frames.at(-1).image, alone), fresh: apart(fresh, alone), ended };
  });
  assert.deepEqual({ ...found, ended: found.ended.code }, { cuts: 1, priors: 3, type: "image/webp", after: 0, fresh: 0, ended: "closed" });
});

test("a stream that smooths takes the flicker of lamps out of a scene that stands still", async () => {
  const flicker = await page.evaluate(async () => {
    const frames = Array.from({ length: 14 }, (_, index) => {
      const image = dark(96, 64);
      const light = 1 + 0.06 * Math.sin((index * 2 * Math.PI) / 3);
      image.data.forEach((value, at) => at % 4 < 3 && (image.data[at] = value * light));
      return image;
    });
    const found = {};
    for (const smooth of [0, 0.8]) {
      const stream = await nano.video({ priorEvery: 20, smooth });
      const levels = [];
      for (const frame of frames) {
        const { image } = await stream.restore(frame);
        levels.push(image.data.reduce((sum, value) => sum + value, 0));
      }
      await stream.close();
      found[smooth] = levels.slice(5).reduce((sum, level, at) => sum + Math.abs(level - levels[at + 4]), 0);
    }
    return found;
  });
  assert.ok(flicker[0.8] < 0.5 * flicker[0], JSON.stringify(flicker));
});

test("an artifact of bytes gives what one of planes gives, tiles and smoothed frames too", async () => {
  const worst = await page.evaluate(async () => {
    const levels = await web.load("/artifacts/nano-levels/");
    const image = dark(61, 45);
    const found = {};
    for (const tile of [undefined, 16]) {
      const [ours, theirs] = [await levels.restore(image, { tile }), await nano.restore(image, { tile })];
      found[`tile ${tile}`] = apart(ours.image, theirs.image);
    }
    const streams = [await levels.video({ smooth: 0.8 }), await nano.video({ smooth: 0.8 })];
    for (let frame = 0; frame < 5; frame++) {
      const [ours, theirs] = [await streams[0].restore(image), await streams[1].restore(image)];
      found[`frame ${frame}`] = apart(ours.image, theirs.image);
    }
    levels.close();
    return found;
  });
  assert.ok(Object.values(worst).every((levels) => levels <= 1), JSON.stringify(worst));
});

test("a call can be cancelled between tiles, and what waits at the end fails", async () => {
  const codes = await page.evaluate(async () => {
    const image = dark(301, 187);
    const control = new AbortController();
    const onProgress = (done) => done === 1 && control.abort();
    const cancelled = await failure(() => nano.restore(image, { tile: 48, onProgress, signal: control.signal }));
    const again = await failure(() => nano.restore(image, { signal: control.signal }));
    const other = await web.load("/artifacts/nano/");
    const waiting = failure(() => other.restore(image));
    other.close();
    return [cancelled.code, again.code, (await waiting).code, (await failure(() => other.restore(image))).code];
  });
  assert.deepEqual(codes, ["cancelled", "cancelled", "closed", "closed"]);
});

const BAD = {
  "an empty frame": [() => nano.restore({ layout: "rgb", width: 0, height: 8, data: new Uint8Array(0) }), "empty: 0×8"],
  "an odd NV12 width": [() => nano.restore({ layout: "nv12", width: 9, height: 8, data: new Uint8Array(108) }), "even width"],
  "an odd NV12 height": [() => nano.restore({ layout: "nv12", width: 8, height: 9, data: new Uint8Array(108) }), "even height"],
  "an odd YUYV width": [() => nano.restore({ layout: "yuyv", width: 9, height: 8, data: new Uint8Array(144) }), "even width"],
  "a stride shorter than a row": [
    () => nano.restore({ layout: "bgra", width: 8, height: 8, stride: 31, data: new Uint8Array(256) }),
    "32 bytes, got a stride of 31",
  ],
  "a buffer without its padding": [
    () => nano.restore({ layout: "bgra", width: 8, height: 8, stride: 48, data: new Uint8Array(256) }),
    "has 368 bytes, got 256",
  ],
  "an unknown layout": [() => nano.restore({ layout: "rgb565", width: 8, height: 8, data: new Uint8Array(128) }), "known: rgb, bgr"],
  "an unknown matrix": [
    () => nano.restore({ layout: "nv12", width: 8, height: 8, data: new Uint8Array(96), matrix: "bt470" }),
    "known: bt601, bt709",
  ],
  "a width that is no whole number": [() => nano.restore({ layout: "rgb", width: 8.5, height: 8, data: new Uint8Array(300) }), "whole numbers"],
  "data that is no array of bytes": [() => nano.restore({ layout: "rgb", width: 8, height: 8, data: "pixels" }), "Uint8Array"],
  "no picture": [() => nano.restore("photo.png"), "got String"],
  "nothing": [() => nano.restore(null), "got Null"],
  "a file that is no image": [() => nano.restore(new Blob(["text"], { type: "text/plain" })), "text/plain, 4 bytes"],
  "a closed frame": [
    () => {
      const frame = new VideoFrame(new Uint8Array(256), { format: "RGBA", codedWidth: 8, codedHeight: 8, timestamp: 0 });
      frame.close();
      return nano.restore(frame);
    },
    "close it after",
  ],
  "a closed bitmap": [
    async () => {
      const bitmap = await createImageBitmap(dark(8, 8));
      bitmap.close();
      return nano.restore(bitmap);
    },
    "closed, or given away",
  ],
  "pixels that were given away": [
    async () => {
      const image = dark(64, 48);
      await nano.restore(image, { transfer: true });
      return nano.restore(image);
    },
    "given away",
  ],
  "a tile of no pixels": [() => nano.restore(dark(64, 48), { tile: 0 }), "from 1, got 0"],
  "a prior that never runs": [() => nano.video({ priorEvery: 0 }), "from 1, got 0"],
  "a latent that never changes": [() => nano.video({ smooth: 1 }), "below 1, got 1"],
  "a canvas in use": [
    () => {
      const canvas = document.createElement("canvas");
      canvas.getContext("2d");
      return nano.video({ canvas });
    },
    "give a new one",
  ],
  "a frame before the first snapshot": [async () => (await nano.video()).snapshot(), "no frame"],
  "no URL": [() => web.load("http://"), "no URL"],
  "no threads": [() => web.load("/artifacts/nano/", { threads: 0 }), "from 1, got 0"],
};

for (const [what, [act, words]] of Object.entries(BAD)) {
  test(`${what} is refused`, async () => {
    const error = await page.evaluate(`failure(${act})`);
    assert.ok(error, "nothing was refused");
    assert.deepEqual([error.name, error.code], ["RestorectError", "input"], error.message);
    assert.ok(error.message.includes(words), error.message);
  });
}

test("after all that, the runtime goes on", async () => {
  const sides = await page.evaluate(async () => {
    const { image } = await nano.restore(dark(40, 24));
    return [image.width, image.height];
  });
  assert.deepEqual(sides, [40, 24]);
});
