/** Frames of cameras become what `spec/frames` says. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { bundled } from "./bundled.mjs";

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const FRAMES = path.join(ROOT, "../../spec/frames");

const { ALIASES, LAYOUTS, fromRaw, matrixOf } = await bundled(
  'export { fromRaw, matrixOf } from "./frames.js"; export { ALIASES, LAYOUTS } from "./layouts.js";',
);
const read = async (name) => JSON.parse(await readFile(path.join(FRAMES, name), "utf8"));
const { formats } = await read("formats.json");
const { converted, refused } = await read("vectors.json");
const { cases } = await read("matrices.json");

/** A frame of the vectors, as the package takes it. */
function frame({ slice_height: sliceHeight, planes, ...rest }, data) {
  const places = planes?.map(([offset, stride]) => ({ offset, stride }));
  return { ...rest, ...(sliceHeight && { sliceHeight }), ...(places && { planes: places }), data };
}

test("the layouts are those of the table", () => {
  assert.deepEqual(Object.keys(LAYOUTS), Object.keys(formats));
  for (const [name, { color, planes, channels, block, shift, aliases }] of Object.entries(formats)) {
    const found = LAYOUTS[name];
    assert.deepEqual(found.planes.map(({ bytes, across, down }) => [bytes, across, down]), planes, name);
    assert.deepEqual(found.channels.map(({ plane, offset, step }) => [plane, offset, step]), channels, name);
    assert.deepEqual([found.color, [...found.block].reverse(), found.shift], [color, block, shift], name);
    assert.deepEqual(Object.keys(ALIASES).filter((alias) => ALIASES[alias] === name), aliases, name);
  }
});

test(`${converted.length} frames are converted as they must be`, () => {
  for (const { name, frame: description, size, data, rgb } of converted) {
    const bytes = new Uint8Array(Buffer.from(data, "hex")).subarray(0, size);
    const pixels = fromRaw(frame(description, bytes)).data;
    const found = pixels.filter((_, at) => at % 4 !== 3);
    assert.equal(Buffer.from(found).toString("hex"), rgb, name);
    assert.ok(pixels.every((level, at) => at % 4 !== 3 || level === 255), name);
  }
});

test(`${cases.length} matrices are chosen as they must be`, () => {
  for (const { coefficients, primaries, rows, matrix } of cases) {
    const choose = () => matrixOf(coefficients, primaries, rows);
    if (matrix === null) assert.throws(choose, ({ name, message }) => name === "RestorectError" && message.includes("none of BT.601"));
    else assert.equal(choose(), matrix, `${coefficients} ${primaries} ${rows}`);
  }
});

test(`${refused.length} frames are refused`, () => {
  for (const { frame: description, bytes, error } of refused) {
    assert.throws(
      () => fromRaw(frame(description, new Uint8Array(bytes))),
      ({ name, message }) => name === "RestorectError" && message.includes(error) && !message.includes("did you mean"),
      error,
    );
  }
});
