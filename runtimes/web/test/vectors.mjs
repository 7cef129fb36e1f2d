/** Passes the golden vectors through the package; runs in a page, called by `golden.mjs`. */

import { load, toImageData } from "/lib/index.js";

/** (width, height) of the timed frame, and the tile for it. */
const SIZE = [640, 480];
const TILE = 256;
const BYTES = { rgb: 3, bgr: 3, bgra: 4, yuyv: 2, nv12: 1.5 };

/**
 * Pass all vectors that the artifacts can take.
 *
 * @param task manifest of the vectors, artifacts, backend, threads, and how many frames of 640×480 are timed.
 * @param print told each line.
 */
export async function pass({ golden, artifacts, backend, threads, rounds }, print) {
  const name = `web-${backend}`;
  for (const [layout, vectors] of grouped(golden.vectors.filter(({ form }) => form === "convert"))) {
    const found = await Promise.all(vectors.map(conversion));
    await print(line({ runtime: name, precision: null, format: layout, form: "convert" }, found.map(exact), found, null));
  }
  for (const { url, form, precision, sides } of artifacts) {
    const runtime = await load(url, { backend, ...(threads && { threads }) });
    const takes = ({ padded }) => sides.includes(null) || sides.includes(padded.join("x"));
    for (const each of form === "whole" ? ["whole"] : ["split", "tiled"]) {
      const vectors = golden.vectors.filter((vector) => vector.form === each && takes(vector));
      for (const [layout, group] of grouped(vectors)) {
        const [found, passed] = await restored(runtime, group, golden.tolerance[precision]);
        const timed = rounds > 0 && takes({ padded: [SIZE[1], SIZE[0]] });
        const ms = timed ? await milliseconds(runtime, layout, each === "tiled" ? { tile: TILE } : {}, rounds) : null;
        await print(line({ runtime: name, precision, format: layout, form: each }, passed, found, ms));
      }
    }
    runtime.close();
  }
}

/** Restore vectors; return what each is off, and whether it and its conversion are as they should be. */
async function restored(runtime, vectors, tolerance) {
  const [found, passed] = [[], []];
  for (const vector of vectors) {
    const { image } = await runtime.restore(await frame(vector), vector.tile ? { tile: vector.tile } : {});
    const off = compared(image, await bytes(vector.output));
    found.push(off);
    passed.push(exact(await conversion(vector)) && within(off, tolerance));
  }
  return [found, passed];
}

async function conversion(vector) {
  return compared(toImageData(await frame(vector)), await bytes(vector.rgb));
}

async function frame(vector) {
  const { layout, width, height, stride, matrix, range } = vector.frame;
  return { layout, width, height, stride, ...(matrix && { matrix, range }), data: await bytes(vector.input) };
}

/** The bytes of a file, which must be those that the manifest hashes. */
async function bytes({ file, sha256 }) {
  const content = new Uint8Array(await (await fetch(`/golden/${file}`)).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const actual = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (actual !== sha256) throw new Error(`${file} is not as golden.json says`);
  return content;
}

/** How far a picture is from `expected`, RGB bytes: counts of values by levels. */
function compared({ data }, expected) {
  if (3 * data.length !== 4 * expected.length) throw new Error("the picture has other sides than the vector");
  const counts = new Array(256).fill(0);
  for (let at = 0; at < expected.length; at++) counts[Math.abs(data[4 * Math.floor(at / 3) + (at % 3)] - expected[at])]++;
  return counts;
}

function worst(counts) {
  return counts.findLastIndex((count) => count > 0);
}

function exact(counts) {
  return worst(counts) === 0;
}

function within(counts, { psnr_db: psnr, levels, share_beyond: share }) {
  const all = counts.reduce((sum, count) => sum + count);
  if (psnr === undefined) return counts.slice(levels + 1).reduce((sum, count) => sum + count, 0) / all <= share;
  const squares = counts.reduce((sum, count, level) => sum + count * level * level, 0);
  return 10 * Math.log10((255 * 255 * all) / squares) >= psnr;
}

/** Median time of a frame, conversion and restoration, after two that do not count. */
async function milliseconds(runtime, layout, options, rounds) {
  const [width, height] = SIZE;
  const data = Uint8Array.from({ length: width * height * BYTES[layout] }, (_, at) => 16 + ((at * 31) % 97));
  const times = [];
  for (let round = 0; round < rounds + 2; round++) {
    const begun = performance.now();
    await runtime.restore({ layout, width, height, data }, options);
    times.push(performance.now() - begun);
  }
  const sorted = times.slice(2).sort((a, b) => a - b);
  const middle = (sorted[(rounds - 1) >> 1] + sorted[rounds >> 1]) / 2;
  return Math.round(10 * middle) / 10;
}

function line(what, passed, found, ms) {
  return {
    ...what,
    vectors: passed.length,
    passed: passed.filter(Boolean).length,
    max_difference: Math.max(...found.map(worst)),
    ms_640x480: ms,
  };
}

function grouped(vectors) {
  const groups = new Map();
  for (const vector of vectors) groups.set(vector.frame.layout, [...(groups.get(vector.frame.layout) ?? []), vector]);
  return groups;
}
