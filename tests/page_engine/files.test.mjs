// GeoJSON and COCO: what goes out comes back pixel by pixel, and what is wrong is refused in a sentence.
import assert from "node:assert/strict";
import { test } from "node:test";

import { blob, Cerulean, classes, drawn, editorOf, pixels, randomOf, refused, sceneOf, shown } from "./engine.mjs";

function busyEditor(seed, height = 270, width = 300) {
  const random = randomOf(seed);
  const editor = editorOf(height, width);
  for (let i = 0; i < 6; i++) {
    const place = [Math.floor(random() * (height - 20)) - 5, Math.floor(random() * (width - 30)) - 5];
    editor.paint(null, blob(random, 30, 40, ...place), { classId: 1 + i });
  }
  editor.setComment([...editor.map.instances.keys()][0], "<script>alert(1)</script> & \"more\"");
  return editor;
}

const about = { complete: true, annotator: "ann", saved: "2026-11-21T20:15:03Z", basedOn: ["20261120T101010Z_bob.geojson"], tiles: { "scene-1_0_0": { reviewed: true, seconds: 12.5, clicks: 3, blind: false, empty: false } } };

for (const placed of [true, false]) {
  test(`GeoJSON comes back as it was (${placed ? "on the ground" : "in pixels"})`, () => {
    const editor = busyEditor(1);
    const scene = sceneOf(270, 300, placed);
    const written = JSON.stringify(Cerulean.toGeoJson(editor.map, scene, classes, about));
    const read = Cerulean.fromGeoJson(written, scene, classes);
    assert.deepEqual([read.complete, read.annotator, read.basedOn, read.tiles], [true, "ann", about.basedOn, about.tiles]);
    const again = editorOf(270, 300);
    assert.deepEqual(again.load(read).notes, []);
    assert.deepEqual(pixels(again.map), pixels(editor.map));
    const records = (map) => [...map.instances.values()].map(({ slickId, classId, source, annotator, started, finished, comment }) => [slickId, classId, source, annotator, started, finished, comment]);
    assert.deepEqual(records(again.map), records(editor.map));
    again.undo();
    assert.equal(again.map.instances.size, 0);
  });
}

test("GeoJSON at 7 digits gives the same pixels", () => {
  const editor = busyEditor(2);
  const scene = { ...sceneOf(270, 300), transform: [9e-5, 0, -76.2, 0, -8e-5, 36.8] }; // 10 m
  const written = Cerulean.toGeoJson(editor.map, scene, classes);
  const rounded = JSON.parse(JSON.stringify(written), (key, value) => (typeof value === "number" ? Math.round(value * 1e7) / 1e7 : value));
  const again = editorOf(270, 300);
  again.load(Cerulean.fromGeoJson(rounded, scene, classes));
  assert.deepEqual(pixels(again.map), pixels(editor.map));
});

test("COCO comes back as it was", () => {
  const editor = busyEditor(3);
  const scene = sceneOf(270, 300);
  const again = editorOf(270, 300);
  again.load(Cerulean.fromCoco(JSON.stringify(Cerulean.toCoco(editor.map, scene, classes, about)), scene, classes));
  assert.deepEqual(pixels(again.map), pixels(editor.map));
});

test("COCO polygons and plain counts are read too", () => {
  const scene = sceneOf(4, 5);
  const file = Cerulean.toCoco(editorOf(4, 5).map, scene, classes);
  file.annotations = [
    { id: 1, image_id: 1, category_id: 2, segmentation: [[0, 0, 2, 0, 2, 2, 0, 2]] },
    { id: 2, image_id: 1, category_id: 3, segmentation: { size: [4, 5], counts: [13, 2, 5] } },
  ];
  const [first, second] = Cerulean.fromCoco(file, scene, classes).instances;
  assert.deepEqual([...first.runs], [0, 0, 2, 1, 0, 2]);
  assert.deepEqual([...second.runs], [1, 3, 1, 2, 3, 1]);
});

test("features that overlap: the first keeps the pixels, a note says what is given up", () => {
  const scene = sceneOf(20, 20, false);
  const square = (x, side) => ({ type: "Polygon", coordinates: [[[x, 0], [x + side, 0], [x + side, side], [x, side], [x, 0]]] });
  const feature = (id, geometry) => ({ type: "Feature", properties: { class: "old_vessel", slick_id: id }, geometry });
  const file = { type: "FeatureCollection", crs: null, pixels: true, scene_id: "scene-1", features: [feature("a", square(0, 4)), feature("b", square(2, 4)), feature("c", square(1, 2))] };
  const editor = editorOf(20, 20);
  const { ids, notes } = editor.load(Cerulean.fromGeoJson(file, scene, classes));
  assert.deepEqual(ids.map((id) => editor.map.instances.get(id).area), [16, 8]);
  assert.deepEqual(notes, [
    "b gave up 8 of its 16 pixels, which belong to a.",
    "c gave up all its 4 pixels and was left out, which belong to a.",
  ]);
});

test("the same file twice adds nothing, and one in place of all leaves only itself", () => {
  const editor = busyEditor(4);
  const scene = sceneOf(270, 300);
  const written = Cerulean.toGeoJson(editor.map, scene, classes);
  const before = pixels(editor.map);
  const { ids, notes } = editor.load(Cerulean.fromGeoJson(written, scene, classes));
  assert.deepEqual([ids, notes], [[], []]);
  editor.paint(null, drawn("####", 200, 200), { classId: 1, over: "take" });
  editor.load(Cerulean.fromGeoJson(written, scene, classes), { mode: "replace" });
  assert.deepEqual(pixels(editor.map).map(Boolean), before.map(Boolean));
  assert.equal(editor.map.instances.size, 6);
});

test("a polygon too thin for any pixel's centre takes the pixels it runs through", () => {
  const line = [[2.1, 3.6], [6.2, 3.7], [6.2, 3.8], [2.1, 3.6]];
  const feature = { type: "Feature", properties: { class: "old_vessel" }, geometry: { type: "Polygon", coordinates: [line] } };
  const file = { type: "FeatureCollection", crs: null, features: [feature] };
  const [{ runs, slickId }] = Cerulean.fromGeoJson(file, sceneOf(20, 20, false), classes).instances;
  assert.equal(shown(Cerulean.maskOfRuns(runs), { row: 3, col: 0, height: 1, width: 8 }), "..#####.");
  assert.equal(slickId, "scene-1/1");
});

const ring = [[-76.1, 36.7], [-76, 36.7], [-76, 36.6], [-76.1, 36.7]];
const collection = (changes = {}, properties = {}, coordinates = [ring]) => ({
  type: "FeatureCollection",
  scene_id: "scene-1",
  features: [{ type: "Feature", properties: { class: "old_vessel", slick_id: "a", ...properties }, geometry: { type: "Polygon", coordinates } }],
  ...changes,
});

const hostile = [
  ["{", /not JSON/],
  ["[1, 2]", /no JSON object/],
  [`{"type": "FeatureCollection", "features": ${"[".repeat(100000)}`, /not JSON/],
  [{ type: "Topology" }, /no GeoJSON FeatureCollection/],
  [collection({ scene_id: "another" }), /labels scene another/],
  [collection({ features: Array(20001).fill(null) }), /20001 features/],
  [collection({ complete: "yes" }), /complete is yes/],
  [collection({ crs: { properties: { name: "EPSG:3857" } } }), /EPSG:3857/],
  [collection({ crs: null }), /columns and rows/],
  [collection({ features: [null] }), /Feature 1 is no GeoJSON Feature/],
  [collection({}, { class: "<img src=x onerror=alert(1)>" }), /the classes are infra_slick/],
  [collection({}, { class: "background" }), /the class background/],
  [collection({}, { class: "__proto__" }), /the class __proto__/],
  [collection({}, { slick_id: "<script>alert(1)</script>" }), /an id is plain text/],
  [collection({}, { slick_id: 7 }), /an id is plain text/],
  [collection({}, { slick_id: "a\u202eb" }), /an id is plain text/],
  [collection({}, { comment: { html: 1 } }), /comment that is no text/],
  [collection({}, { source: "guessed" }), /source guessed/],
  [collection({}, { started: "yesterday" }), /time yesterday/],
  [collection({}, {}, [[[NaN, 1], [2, 2], [3, 3], [NaN, 1]]]), /two finite numbers/],
  ['{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"class":"old_vessel"},"geometry":{"type":"Polygon","coordinates":[[[1e999,1],[2,2],[3,3],[1e999,1]]]}}]}', /two finite numbers/],
  [collection({}, {}, [[["1", 1], [2, 2], [3, 3], ["1", 1]]]), /two finite numbers/],
  [collection({}, {}, [[[400, 1], [2, 2], [3, 3], [400, 1]]]), /longitude and latitude in degrees/],
  [collection({}, {}, [ring.slice(0, 3)]), /fewer than 4 positions/],
  [collection({}, {}, [[...ring.slice(0, 3), [-76.2, 36.7]]]), /not closed/],
  [collection({}, {}, []), /without an outline/],
  [collection({ features: [collection().features[0], collection().features[0]] }), /stands twice/],
  [collection({ features: [{ ...collection().features[0], geometry: { type: "Point", coordinates: [0, 0] } }] }), /no polygon but Point/],
  [collection({ tiles: { "<b>": { reviewed: true } } }), /Tile <b> has the tile id/],
  [collection({ rejected: [{ slick_id: "a'b" }] }), /Rejected outline 1/],
];

hostile.forEach(([content, words], i) => {
  test(`hostile GeoJSON ${i + 1} is refused: ${words}`, () => {
    refused(() => Cerulean.fromGeoJson(content, sceneOf(270, 300), classes), words);
  });
});

test("outlines that would take hours to burn are refused", () => {
  const zigzag = Array.from({ length: 200_001 }, (_, i) => [-76.1, i % 2 ? 36.7 : 36.4]);
  const scene = { ...sceneOf(16700, 900), transform: [1e-4, 0, -76.2, 0, -1e-4, 36.8] };
  refused(() => Cerulean.fromGeoJson(collection({}, {}, [zigzag]), scene, classes), /more edges than can be burnt/);
});

test("files above 64 MiB are refused before they are read", async () => {
  let read = false;
  const file = { name: "big.geojson", size: 100 * 1024 * 1024, text: () => { read = true; } };
  await assert.rejects(Cerulean.readFile(file), { name: "InputError", message: /big.geojson has 100 MiB/ });
  assert.equal(read, false);
  refused(() => Cerulean.fromGeoJson("x".repeat(Cerulean.MAX_BYTES + 1), sceneOf(9, 9), classes), /at most 64/);
});

test("text of files stays text", () => {
  const comment = "<script>alert('x')</script>\u0007";
  const [one] = Cerulean.fromGeoJson(collection({}, { comment }), sceneOf(270, 300), classes).instances;
  assert.equal(one.comment, "<script>alert('x')</script> ");
  assert.equal(Object.getPrototypeOf(Cerulean.fromGeoJson(JSON.parse(JSON.stringify(collection()).replace('"scene_id"', '"__proto__":{"x":1},"scene_id"')), sceneOf(270, 300), classes)), Object.prototype);
});
