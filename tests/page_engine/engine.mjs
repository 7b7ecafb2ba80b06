// The engine's scripts in node, as a page would load them, and what its tests share.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.join(here, "../../data-processing/public/js/engine");
const names = fs.readdirSync(folder).filter((name) => name.endsWith(".js")).sort();
const first = ["history.js"]; // an Editor extends it; all others may come in any order
for (const name of [...first, ...names.filter((one) => !first.includes(one))]) {
  vm.runInThisContext(fs.readFileSync(path.join(folder, name), "utf8"), { filename: name });
}
export const { Cerulean } = globalThis;

const rows = [
  ["background", [0, 255, 255]], ["infra_slick", [0, 0, 255]], ["natural_seep", [0, 255, 0]],
  ["coincident_vessel", [255, 0, 0]], ["recent_vessel", [255, 255, 0]], ["old_vessel", [255, 0, 255]],
  ["ambiguous", [255, 255, 255]],
];
export const classes = rows.map(([name, photopea], id) => ({ id, name, photopea }));

/** A scene of that size on the ground near Cape Hatteras, or on none. */
export function sceneOf(height, width, placed = true) {
  const transform = [0.0022, 0, -76.2, 0, -0.0018, 36.8];
  return { scene_id: "scene-1", height_width: [height, width], crs: placed ? "EPSG:4326" : null, transform: placed ? transform : null };
}

/** Numbers from 0 to 1 that are the same at each run. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A mask drawn as text: "#" is set, rows are lines. */
export function drawn(text, row = 0, col = 0) {
  const lines = text.trim().split("\n").map((line) => line.trim());
  const data = Uint8Array.from(lines.join(""), (sign) => (sign === "#" ? 1 : 0));
  return { row, col, height: lines.length, width: lines[0].length, data };
}

/** A mask over a window as text. */
export function shown(mask, { row, col, height, width }) {
  const at = (r, c) => mask !== null && r >= mask.row && c >= mask.col && r < mask.row + mask.height && c < mask.col + mask.width
    && mask.data[(r - mask.row) * mask.width + c - mask.col];
  const line = (r) => Array.from({ length: width }, (_, c) => (at(row + r, col + c) ? "#" : ".")).join("");
  return Array.from({ length: height }, (_, r) => line(r)).join("\n");
}

/** Text without its indentation. */
export const text = (written) => written.trim().split("\n").map((line) => line.trim()).join("\n");

/** Random pixels that hang together in blobs, in a window. */
export function blob(random, height, width, row = 0, col = 0) {
  const data = Uint8Array.from({ length: height * width }, () => (random() < 0.55 ? 1 : 0));
  return { row, col, height, width, data };
}

/** All ids of a map as one array. */
export const pixels = (map) => map.read({ row: 0, col: 0, height: map.height, width: map.width });

export function editorOf(height, width) {
  const now = () => "2026-11-21T20:15:03Z";
  return new Cerulean.Editor(new Cerulean.LabelMap(height, width), { sceneId: "scene-1", annotator: "ann", now });
}

/** Asserts that a call is refused with one sentence that holds some words. */
export function refused(call, words) {
  assert.throws(call, (error) => {
    assert.equal(error.name, "InputError");
    assert.match(error.message, words);
    assert.match(error.message, /^[^\n]+\.$/);
    return true;
  });
}
