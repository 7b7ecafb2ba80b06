// A model's outlines: beside the map until a person takes them, one by one.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Cerulean, classes, drawn, editorOf, pixels, sceneOf } from "./engine.mjs";

const square = (x, y, side) => [[[x, y], [x, y + side], [x + side, y + side], [x + side, y], [x, y]]];
const feature = (slick_id, x, y, side) => ({
  type: "Feature",
  properties: { class: "recent_vessel", slick_id, model: "unet@12", machine_confidence: 0.75 },
  geometry: { type: "Polygon", coordinates: square(x, y, side) },
});
const file = { type: "FeatureCollection", crs: null, pixels: true, scene_id: "scene-1", features: [feature("p1", 2, 2, 5), feature("p2", 12, 2, 5), feature("p3", 4, 4, 6)] };

function opened() {
  const editor = editorOf(40, 40);
  const { prelabels, notes } = Cerulean.prelabelsOf(file, sceneOf(40, 40, false), classes);
  assert.deepEqual(notes, []);
  const states = () => prelabels.map((prelabel) => Cerulean.prelabelState(editor.map, prelabel));
  return { editor, prelabels, states };
}

test("nothing of them is in the map or in an export until accepted", () => {
  const { editor, prelabels, states } = opened();
  assert.equal(editor.map.tiles.size, 0);
  assert.deepEqual(states(), ["pending", "pending", "pending"]);
  const { area, bbox, confidence, model } = prelabels[0];
  assert.deepEqual([area, bbox, confidence, model], [25, [2, 2, 7, 7], 0.75, "unet@12"]);
  assert.deepEqual(prelabels[0].rings().map((ring) => ring.length), [5]);
  const { features, rejected } = Cerulean.toGeoJson(editor.map, sceneOf(40, 40, false), classes);
  assert.deepEqual([features, rejected], [[], []]);
});

test("accept, edit and reject, each undone by one step", () => {
  const { editor, prelabels, states } = opened();
  const { id } = editor.accept(prelabels[0]);
  editor.reject(prelabels[1]);
  assert.deepEqual(states(), ["accepted", "rejected", "pending"]);
  const { slickId, source, model, annotator } = editor.map.instances.get(id);
  assert.deepEqual([slickId, source, model, annotator], ["p1", "accepted", "unet@12", "ann"]);
  editor.erase(drawn("##", 2, 2));
  assert.deepEqual(states(), ["edited", "rejected", "pending"]);
  for (const wanted of [["accepted", "rejected", "pending"], ["accepted", "pending", "pending"], ["pending", "pending", "pending"]]) {
    editor.undo();
    assert.deepEqual(states(), wanted);
  }
  assert.equal(editor.map.tiles.size, 0);
});

test("pixels that another instance owns stay with it, and it is told", () => {
  const { editor, prelabels } = opened();
  const first = editor.accept(prelabels[0]);
  const third = editor.accept(prelabels[2]);
  assert.deepEqual([third.changed, [...third.kept]], [27, [[first.id, 9]]]);
  assert.equal(editor.map.instances.get(first.id).area, 25);
});

test("an accepted outline that is taken out again counts as rejected, one that is merged does not", () => {
  const { editor, prelabels, states } = opened();
  const ids = prelabels.map((prelabel) => editor.accept(prelabel).id);
  editor.remove(ids[0]);
  editor.merge([ids[1], ids[2]]);
  assert.deepEqual(states(), ["rejected", "edited", "accepted"]);
  assert.deepEqual(Cerulean.rejectedOf(editor.map), [{ slick_id: "p1", model: "unet@12" }]);
  editor.reconsider(prelabels[0]);
  assert.equal(states()[0], "pending");
});

test("what became of them outlives a reload and an export", () => {
  const { editor, prelabels } = opened();
  const scene = sceneOf(40, 40, false);
  editor.accept(prelabels[0]);
  editor.reject(prelabels[1]);
  const about = { height: 40, width: 40, sceneId: "scene-1", annotator: "ann" };
  const restored = Cerulean.restore(structuredClone(Cerulean.snapshot(editor)), [], about);
  const written = JSON.stringify(Cerulean.toGeoJson(editor.map, scene, classes));
  const loaded = editorOf(40, 40);
  loaded.load(Cerulean.fromGeoJson(written, scene, classes));
  for (const { map } of [restored, loaded]) {
    assert.deepEqual(prelabels.map((prelabel) => Cerulean.prelabelState(map, prelabel)), ["accepted", "rejected", "pending"]);
    assert.deepEqual(pixels(map), pixels(editor.map));
  }
});
