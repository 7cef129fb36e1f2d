/** The rules around the network give what `spec/vectors` says. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { build } from "esbuild";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const VECTORS = path.join(ROOT, "../../spec/vectors");

const contents = `
  export { BrightnessTrack } from "./brightness.js";
  export { LatentTrack } from "./latent.js";
  export { thumbnail } from "./thumbnail.js";
  export { bestWindow, plan } from "./tiling.js";`;
const bundle = await build({
  stdin: { contents, resolveDir: path.join(ROOT, "src") },
  bundle: true,
  format: "esm",
  write: false,
});
const { BrightnessTrack, LatentTrack, bestWindow, plan, thumbnail } = await import(
  `data:text/javascript;base64,${Buffer.from(bundle.outputFiles[0].contents).toString("base64")}`
);

async function vectors(name) {
  return JSON.parse(await readFile(path.join(VECTORS, `${name}.json`), "utf8"));
}

/** Levels of a picture, RGB. */
function picture({ height, width, low, high, seed, ramp }) {
  const levels = [];
  for (let row = 0, state = seed; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const slope = Math.floor((ramp[0] * row) / height) + Math.floor((ramp[1] * column) / width);
      for (let channel = 0; channel < 3; channel++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const noise = ((state >>> 24) * (high[channel] - low[channel] + 1)) >> 8;
        levels.push(Math.min(255, low[channel] + noise + slope));
      }
    }
  }
  return levels;
}

function rgba(levels) {
  const data = new Uint8ClampedArray((levels.length / 3) * 4).fill(7); // alpha counts nowhere
  levels.forEach((level, at) => (data[4 * Math.floor(at / 3) + (at % 3)] = level));
  return data;
}

function furthest(found, expected) {
  assert.equal(found.length, expected.length);
  return found.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at])), 0);
}

test("thumbnails, with deviations and without", async () => {
  const { tolerance, cases } = await vectors("thumbnail");
  const raw = await readFile(path.join(VECTORS, "thumbnail.bin"));
  const values = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  assert.ok(cases.length > 10);
  for (const { name, picture: of, padded, pool, side, sum, offset } of cases) {
    const levels = picture(of);
    assert.equal(levels.reduce((total, level) => total + level), sum, name);
    for (const deviation of [false, true]) {
      const image = { data: rgba(levels), width: of.width, height: of.height };
      const found = thumbnail(image, padded, { thumbnail: side, pool, deviation });
      const expected = values.subarray(offset, offset + (deviation ? 6 : 3) * side * side);
      assert.equal(found.side, side);
      const off = furthest(found.values, expected);
      assert.ok(off <= tolerance, `${name}: ${off}`);
    }
  }
});

test("the latent of a video", async () => {
  const { tolerance, cases } = await vectors("latent");
  for (const { name, prior_every: priorEvery, smooth, frames } of cases) {
    const track = new LatentTrack(priorEvery, smooth);
    for (const { reset, levels, prior, z, priors, cuts } of frames) {
      if (reset) track.reset();
      const values = Float32Array.from({ length: 4 * levels.length }, (_, at) => levels[at >> 2]);
      const found = await track.step(
        () => ({ values, side: 2 }),
        async () => Float32Array.from(prior),
      );
      assert.ok(furthest(found, z) <= tolerance, name);
      assert.deepEqual([track.priors, track.cuts], [priors, cuts], name);
    }
  }
});

test("a prior that fails leaves the latent as it was", async () => {
  const track = new LatentTrack(1, 0.9);
  const flat = (level) => () => ({ values: new Float32Array(3).fill(level), side: 1 });
  await track.step(flat(0.1), async () => new Float32Array(2));
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(track.step(flat(0.9), () => Promise.reject(new Error("lost"))), /lost/);
  }
  assert.deepEqual([track.priors, track.cuts], [1, 0]);
  assert.deepEqual([...(await track.step(flat(0.9), async () => Float32Array.of(1, 1)))], [1, 1]);
  assert.deepEqual([track.priors, track.cuts], [2, 1]);
});

test("the brightness of a video", async () => {
  const { tolerance, cases } = await vectors("brightness");
  for (const { name, smooth, frames } of cases) {
    const track = new BrightnessTrack(smooth);
    for (const { picture: of, light, moved, gain } of frames) {
      const { width, height } = of;
      const plane = width * height;
      const values = new Float32Array(3 * plane);
      picture(of).forEach((level, at) => {
        const [pixel, channel] = [Math.floor(at / 3), at % 3];
        const [row, column] = [Math.floor(pixel / width), pixel % width];
        const moves = moved && row >= moved[0] && row < moved[1] && column >= moved[2] && column < moved[3];
        values[channel * plane + pixel] = (level / 255) * light * (moves ? moved[4] : 1);
      });
      const found = track.step({ values, plane, stride: width, width, height });
      assert.ok(Math.abs(found - gain) <= tolerance, `${name}: ${found}, expected ${gain}`);
    }
  }
});

test("the windows of an image", async () => {
  const { cases } = await vectors("tiles");
  for (const { name, padded, halo, multiple, limit, asked, window, rows, columns } of cases) {
    if (!asked) assert.deepEqual(bestWindow(padded, limit, halo, multiple), window, name);
    if (!rows) {
      assert.throws(() => plan(padded, window, halo), /keeps nothing/, name);
      continue;
    }
    const values = ({ start, stop, keepFrom, keepTo }) => [start, stop, keepFrom, keepTo];
    const found = plan(padded, window, halo).map((part) => [values(part.rows), values(part.columns)]);
    assert.deepEqual(
      found,
      rows.flatMap((down) => columns.map((across) => [down, across])),
      name,
    );
  }
});
