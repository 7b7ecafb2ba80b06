// Outlines: exact, valid, and the same whichever way they are made.
import assert from "node:assert/strict";
import { test } from "node:test";

import { blob, Cerulean, drawn, editorOf, pixels, randomOf, shown } from "./engine.mjs";

/** The ids that polygons (id -> [[outline, …holes], …]) give back by pixel centres. */
function burnt(polygons, height, width) {
  const ids = new Uint16Array(height * width);
  for (const [id, parts] of polygons) {
    for (const rings of parts) {
      const runs = Cerulean.ringsRuns(rings, height, width);
      for (let i = 0; i < runs.length; i += 3) ids.fill(id, runs[i] * width + runs[i + 1], runs[i] * width + runs[i + 1] + runs[i + 2]);
    }
  }
  return ids;
}

function area(ring) {
  let sum = 0;
  for (let i = 1; i < ring.length; i++) sum += ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
  return sum / 2;
}

function busyMap(seed) {
  const random = randomOf(seed);
  const editor = editorOf(300, 530);
  for (let i = 0; i < 12; i++) {
    const [row, col] = [Math.floor(random() * 280) - 10, Math.floor(random() * 500) - 10];
    editor.paint(null, blob(random, 30, 40, row, col), { classId: 1 + (i % 6), over: "take" });
  }
  editor.paint(null, drawn(Array(40).fill("#".repeat(300)).join("\n"), 240, 200), { classId: 1 });
  return editor;
}

for (const seed of [1, 2]) {
  test(`the outlines of all instances burn to the same map, in whole polygons (seed ${seed})`, () => {
    const { map } = busyMap(seed);
    const polygons = Cerulean.allPolygons(map);
    assert.deepEqual(burnt(polygons, map.height, map.width), pixels(map));
    for (const [id, parts] of polygons) {
      let sum = 0;
      for (const rings of parts) {
        rings.forEach((ring, i) => {
          assert.deepEqual(ring[0], ring.at(-1));
          assert.equal(new Set(ring.slice(1).map(String)).size, ring.length - 1, "a ring meets itself");
          assert.equal(area(ring) > 0, i === 0, "outlines run one way and holes the other");
          sum += area(ring);
        });
      }
      assert.equal(sum, map.instances.get(id).area);
    }
  });
}

test("a ring that meets itself at a corner becomes an outline and a hole", () => {
  const rings = Cerulean.maskRings(drawn(`
    ###
    #.#
    ##.`));
  assert.equal(rings.length, 2);
  const [hole, outline] = [...rings].sort((a, b) => area(a) - area(b));
  assert.deepEqual([area(outline), area(hole)], [8, -1]);
});

test("two pixels that meet at a corner are two polygons", () => {
  const polygons = Cerulean.polygonsOfRings(Cerulean.maskRings(drawn("#.\n.#")));
  assert.deepEqual(polygons.map(([ring]) => ring), [
    [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]],
    [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]],
  ]);
});

test("an island in a hole is a polygon of its own", () => {
  const mask = drawn(`
    #####
    #...#
    #.#.#
    #...#
    #####`);
  const polygons = Cerulean.polygonsOfRings(Cerulean.maskRings(mask));
  assert.deepEqual(polygons.map((rings) => rings.length), [2, 1]);
  assert.equal(shown(Cerulean.maskOfRuns(Cerulean.ringsRuns(polygons.flat(), 5, 5)), mask), shown(mask, mask));
});

test("an instance's outline is kept until its pixels change, and then is that of its mask", () => {
  const { map } = busyMap(3);
  const id = [...map.instances.keys()][5];
  const first = Cerulean.outline(map, id);
  assert.equal(Cerulean.outline(map, id), first);
  const count = (rings) => rings.flat().length;
  assert.equal(count(first), count(Cerulean.maskRings(map.maskOf(id))));
});

test("edges for the screen are redone only around a change, and fit the map at each time", () => {
  const editor = busyMap(4);
  const { map } = editor;
  const whole = { row: 0, col: 0, height: 300, width: 530 };
  const length = (id) => Cerulean.edges(map, whole).get(id)?.reduce((sum, quads) => {
    for (let i = 0; i < quads.length; i += 4) sum += Math.abs(quads[i + 2] - quads[i]) + Math.abs(quads[i + 3] - quads[i + 1]);
    return sum;
  }, 0) ?? 0;
  const perimeter = (id) => Cerulean.maskRings(map.maskOf(id)).reduce((sum, ring) => sum
    + ring.slice(1).reduce((part, point, i) => part + Math.abs(point[0] - ring[i][0]) + Math.abs(point[1] - ring[i][1]), 0), 0);
  const id = [...map.instances.keys()].at(-1);
  assert.equal(length(id), perimeter(id));
  editor.erase(drawn("####\n####", 255, 254)); // across the corner of four tiles
  for (const one of map.instances.keys()) assert.equal(length(one), perimeter(one));
  editor.undo();
  const far = Cerulean.tileEdges(map, 0, 2);
  editor.erase(drawn("####\n####", 255, 100)); // two tiles off
  assert.equal(Cerulean.tileEdges(map, 0, 2) === far, true);
  editor.undo();
  assert.equal(length(id), perimeter(id));
});
