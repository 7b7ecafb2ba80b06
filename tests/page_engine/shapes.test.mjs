// Brush, polygon, holes, parts, cuts and smoothing, pixel by pixel.
import assert from "node:assert/strict";
import { test } from "node:test";

import { blob, Cerulean, drawn, editorOf, pixels, randomOf, shown, text } from "./engine.mjs";

const window = (height, width) => ({ row: 0, col: 0, height, width });

test("a brush sets the pixels whose centres lie within its radius of the stroke", () => {
  const random = randomOf(4);
  for (let round = 0; round < 20; round++) {
    const points = Array.from({ length: 1 + Math.floor(random() * 4) }, () => [random() * 40, random() * 30]);
    const radius = 0.5 + random() * 6;
    const mask = Cerulean.brushMask(points, radius);
    const near = (x, y) => points.some((b, i) => {
      const a = points[Math.max(0, i - 1)];
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
      const t = Math.min(1, Math.max(0, ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy || 1)));
      return Math.hypot(x - a[0] - t * dx, y - a[1] - t * dy) <= radius;
    });
    for (let r = 0; r < mask.height; r++) {
      for (let c = 0; c < mask.width; c++) {
        const [row, col] = [mask.row + r, mask.col + c];
        const under = row === Math.floor(points[0][1]) && col === Math.floor(points[0][0]);
        assert.equal(Boolean(mask.data[r * mask.width + c]), under || near(col + 0.5, row + 0.5), `${row} ${col}`);
      }
    }
  }
});

test("a brush of half a pixel draws a line of one pixel", () => {
  const mask = Cerulean.brushMask([[0.5, 0.5], [7.5, 3.5]], 0.5);
  assert.equal(shown(mask, window(4, 8)), text(`
    ##......
    ..##....
    ....##..
    ......##`));
});

test("squares side by side on pixel centres share no pixel and leave none out", () => {
  const square = (x, y) => [[x, y], [x + 2, y], [x + 2, y + 2], [x, y + 2]];
  assert.equal(shown(Cerulean.polygonMask(square(0.5, 0.5)), window(3, 5)), text(`
    ##...
    ##...
    .....`));
  assert.equal(shown(Cerulean.polygonMask(square(2.5, 0.5)), window(3, 5)), text(`
    ..##.
    ..##.
    .....`));
});

test("polygons equal a check of each pixel's centre", () => {
  const random = randomOf(5);
  for (let round = 0; round < 30; round++) {
    const vertices = Array.from({ length: 3 + Math.floor(random() * 6) }, () => [random() * 20 - 3, random() * 20 - 3]);
    const mask = Cerulean.polygonMask(vertices);
    const inside = (x, y) => vertices.reduce((odd, [bx, by], i) => {
      const [ax, ay] = vertices.at(i - 1);
      return ay > y !== by > y && x > ax + ((y - ay) * (bx - ax)) / (by - ay) ? !odd : odd;
    }, false);
    const whole = { row: -4, col: -4, height: 24, width: 24 };
    const wanted = { ...whole, data: Uint8Array.from({ length: 576 }, (_, i) => (inside((i % 24) - 3.5, Math.floor(i / 24) - 3.5) ? 1 : 0)) };
    assert.equal(shown(mask, whole), shown(wanted, whole));
  }
});

test("a draft's vertices are moved, put in, taken out and undone before it is burnt", () => {
  const draft = new Cerulean.PolygonDraft();
  for (const point of [[0, 0], [4, 0], [4, 4], [0, 4]]) draft.add(point);
  assert.equal(draft.nearestVertex([3.8, 0.3], 1), 1);
  assert.equal(draft.nearestVertex([2, 2], 1), -1);
  assert.deepEqual(draft.nearestEdge([2, 0.4], 1), { index: 0, point: [2, 0] });
  draft.insert(0, [2, -4]);
  for (const x of [5, 6, 8]) draft.move(2, [x, 0]); // one drag
  draft.settle();
  draft.remove(4);
  assert.deepEqual(draft.vertices, [[0, 0], [2, -4], [8, 0], [4, 4]]);
  for (const length of [5, 5, 4]) {
    draft.undo();
    assert.equal(draft.vertices.length, length);
  }
  assert.equal(Cerulean.maskArea(draft.mask()), 16);
  draft.redo();
  assert.deepEqual(draft.vertices[1], [2, -4]);
});

test("holes are filled up to a size; what water can leave by a side is none", () => {
  const ring = drawn(`
    ######..
    #.##.#..
    ####..##
    #..####.
    ########`);
  const small = Cerulean.filledMask(ring, 1);
  assert.equal(shown(small, window(5, 8)), text(`
    ######..
    ####.#..
    ####..##
    #..####.
    ########`));
  assert.equal(Cerulean.maskArea(Cerulean.filledMask(ring)), 5 * 8 - 2 - 2 - 1);
});

test("a hole that is somebody's stays theirs", () => {
  const editor = editorOf(10, 10);
  const inner = editor.paint(null, drawn("#", 2, 2), { classId: 1 }).id;
  const outer = editor.paint(null, drawn("####\n#..#\n####", 1, 1), { classId: 2 }).id;
  const { changed, kept } = editor.fillHoles(outer);
  assert.deepEqual([changed, [...kept]], [1, [[inner, 1]]]);
});

test("splitting leaves the largest part with the id, and undo joins all again", () => {
  const editor = editorOf(20, 20);
  const { id } = editor.paint(null, drawn("##...###\n##...###\n........\n.#......", 2, 3), { classId: 4 });
  const before = pixels(editor.map);
  const ids = editor.split(id);
  assert.equal(ids[0], id);
  assert.deepEqual(ids.map((one) => editor.map.instances.get(one).area), [6, 4, 1]);
  assert.deepEqual(ids.map((one) => editor.map.instances.get(one).classId), [4, 4, 4]);
  editor.undo();
  assert.deepEqual(pixels(editor.map), before);
  assert.deepEqual(editor.split(editor.paint(null, drawn("##", 15, 1), { classId: 1 }).id).length, 1);
});

test("a cut shares every pixel among the pieces, and parts that it misses go with the nearer piece", () => {
  const editor = editorOf(20, 40);
  const { id } = editor.paint(null, drawn(`
    ####################....####
    ####################....####
    ####################....####`, 5, 2), { classId: 1 });
  const [kept, fresh, ...more] = editor.splitByLine(id, [[10.5, 2], [12.5, 12]]);
  assert.equal(more.length, 0);
  assert.equal(editor.map.instances.get(kept).area + editor.map.instances.get(fresh).area, 72);
  assert.deepEqual(editor.map.instances.get(kept).bbox.slice(2), [8, 30]); // the far part stays with the right piece
  assert.equal(editor.map.instances.get(fresh).bbox[1], 2);
  assert.deepEqual(editor.splitByLine(kept, [[0, 0], [5, 1]]), []);
});

test("cuts in any direction lose no pixel", () => {
  const random = randomOf(6);
  for (let round = 0; round < 25; round++) {
    const mask = Cerulean.filledMask(blob(random, 14, 18, 3, 2));
    const line = [[random() * 22, random() * 18], [random() * 22, random() * 18], [random() * 22, random() * 18]];
    const pieces = Cerulean.cutMask(mask, line);
    if (!pieces.length) continue;
    assert.equal(shown(Cerulean.unionMasks(pieces), mask), shown(mask, mask));
    assert.equal(pieces.reduce((sum, piece) => sum + Cerulean.maskArea(piece), 0), Cerulean.maskArea(mask));
  }
});

test("smoothing takes dots and notches and leaves long thin streaks", () => {
  const rows = Array.from({ length: 40 }, (_, r) => Array.from({ length: 60 }, (_, c) => {
    const body = r >= 4 && r < 20 && c >= 4 && c < 30 && !(r < 6 && c === 15);
    const spike = r >= 1 && r < 4 && c === 22;
    const streak = r === 12 && c >= 30 && c < 58;
    const dot = r === 33 && c === 40;
    return body || spike || streak || dot ? "#" : ".";
  }).join(""));
  const smooth = Cerulean.smoothMask(drawn(rows.join("\n")), 2);
  const at = (r, c) => smooth.data[(r - smooth.row) * smooth.width + c - smooth.col] ?? 0;
  assert.deepEqual([at(4, 15), at(2, 22), at(33, 40)], [1, 0, 0]);
  for (let c = 30; c < 58; c++) assert.equal(at(12, c), 1);
  assert.ok(Math.abs(Cerulean.maskArea(smooth) - 16 * 26 - 28) < 25);
});
