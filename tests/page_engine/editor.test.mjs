// The editor against a naive reference: dense arrays that are copied before each action.
import assert from "node:assert/strict";
import { test } from "node:test";

import { blob, Cerulean, drawn, editorOf, pixels, randomOf } from "./engine.mjs";

const [HEIGHT, WIDTH] = [300, 530]; // two by three tiles, the last ones cut

/** Paints as the contract says, on a dense array. */
function naivePaint(ids, mask, id, take) {
  for (let r = 0; r < mask.height; r++) {
    for (let c = 0; c < mask.width; c++) {
      const [row, col] = [mask.row + r, mask.col + c];
      if (!mask.data[r * mask.width + c] || row < 0 || col < 0 || row >= HEIGHT || col >= WIDTH) continue;
      const place = row * WIDTH + col;
      if (take || ids[place] === 0) ids[place] = id;
    }
  }
}

function naiveErase(ids, mask) {
  const copy = ids.slice();
  naivePaint(copy, mask, 0, true);
  return copy;
}

/** Areas and boxes counted pixel by pixel. */
function table(ids) {
  const found = new Map();
  ids.forEach((id, place) => {
    if (!id) return;
    const [row, col] = [Math.floor(place / WIDTH), place % WIDTH];
    const known = found.get(id) ?? { area: 0, box: [Infinity, Infinity, 0, 0] };
    known.area++;
    const { box } = known;
    known.box = [Math.min(box[0], row), Math.min(box[1], col), Math.max(box[2], row + 1), Math.max(box[3], col + 1)];
    found.set(id, known);
  });
  return found;
}

function assertSame(editor, ids) {
  assert.deepEqual(pixels(editor.map), ids);
  const naive = table(ids);
  assert.deepEqual([...editor.map.instances.keys()].sort((a, b) => a - b), [...naive.keys()].sort((a, b) => a - b));
  for (const [id, { area, box }] of naive) {
    assert.equal(editor.map.instances.get(id).area, area);
    assert.deepEqual(editor.map.instances.get(id).bbox, box);
  }
}

function randomMask(random) {
  const row = Math.floor(random() * (HEIGHT + 20)) - 30;
  const col = Math.floor(random() * (WIDTH + 20)) - 30;
  return blob(random, 5 + Math.floor(random() * 60), 5 + Math.floor(random() * 60), row, col);
}

/** One random action on the editor and the same on the dense ids, which come back. */
function randomAction(editor, ids, random) {
  const mask = randomMask(random);
  const known = [...editor.map.instances.keys()];
  const any = known[Math.floor(random() * known.length)];
  const kind = random();
  const next = ids.slice();
  if (kind < 0.35 || !known.length) {
    const { id } = editor.paint(null, mask, { classId: 2 });
    if (id !== null) naivePaint(next, mask, id, false);
  } else if (kind < 0.55) {
    editor.paint(any, mask, { over: "take" });
    naivePaint(next, mask, any, true);
  } else if (kind < 0.75) {
    editor.erase(mask);
    return naiveErase(ids, mask);
  } else if (kind < 0.85) {
    editor.remove(any);
    return next.map((id) => (id === any ? 0 : id));
  } else if (kind < 0.95) {
    const other = known[0];
    editor.merge([any, other]);
    return next.map((id) => (id === other ? any : id));
  } else {
    editor.setClass(any, 3);
  }
  return next;
}

for (const seed of [1, 2, 3]) {
  test(`random actions equal a naive map, undo and redo lead back and forth (seed ${seed})`, () => {
    const random = randomOf(seed);
    const editor = editorOf(HEIGHT, WIDTH);
    const journal = [];
    editor.onJournal((entry) => journal.push(structuredClone(entry)));
    const states = [new Uint16Array(HEIGHT * WIDTH)];
    const names = [0];
    for (let step = 0; step < 60; step++) {
      const before = editor.done.length;
      const next = randomAction(editor, states.at(-1), random);
      if (editor.done.length === before) assert.deepEqual(next, states.at(-1));
      else {
        states.push(next);
        names.push(editor.done.length);
      }
      if (step % 6 === 0) assertSame(editor, next);
    }
    const last = JSON.stringify([...editor.map.instances.values()]);
    for (let i = states.length - 2; i >= 0; i--) {
      editor.undo();
      if (i % 7 === 0) assertSame(editor, states[i]);
    }
    assert.equal(editor.canUndo, false);
    assert.equal(editor.map.tiles.size, 0);
    for (let i = 1; i < states.length; i++) editor.redo();
    assertSame(editor, states.at(-1));
    assert.equal(JSON.stringify([...editor.map.instances.values()]), last);
    const about = { height: HEIGHT, width: WIDTH, sceneId: "scene-1", annotator: "ann" };
    const again = Cerulean.restore(null, journal, about);
    assert.deepEqual(again.recovered, { entries: journal.length, broken: false });
    assertSame(again, states.at(-1));
    const kept = Cerulean.restore(structuredClone(Cerulean.snapshot(editor)), [], about);
    assertSame(kept, states.at(-1));
    while (kept.canUndo) kept.undo();
    assertSame(kept, states[0]);
  });
}

test("a stroke painted in pieces is one action, and an undone one leaves no instance", () => {
  const editor = editorOf(100, 100);
  editor.begin("brush");
  const { id } = editor.paint(null, drawn("##\n##", 10, 10), { classId: 1 });
  editor.paint(id, drawn("####", 12, 8));
  editor.paint(id, drawn("####", 13, 8));
  assert.equal(editor.undo(), null); // not in the middle of a stroke
  assert.equal(editor.commit(), "brush");
  assert.equal(editor.done.length, 1);
  const told = [];
  editor.onChange((change) => told.push(change));
  editor.undo();
  assert.equal(editor.map.instances.size, 0);
  assert.equal(editor.map.tiles.size, 0);
  assert.deepEqual(told[0].rect, { row: 10, col: 8, height: 4, width: 4 });
  assert.deepEqual(told[0].ids, [id]);
  editor.redo();
  assert.equal(editor.map.instances.get(id).area, 12);
});

test("a cancelled stroke leaves all as it was, redo too", () => {
  const editor = editorOf(50, 50);
  editor.paint(null, drawn("###", 1, 1), { classId: 1 });
  editor.undo();
  editor.begin("brush");
  editor.paint(null, drawn("###", 5, 5), { classId: 1 });
  editor.cancel();
  assert.equal(editor.map.tiles.size, 0);
  assert.equal(editor.map.instances.size, 0);
  assert.equal(editor.canRedo, true);
});

test("what changes nothing is no action", () => {
  const editor = editorOf(50, 50);
  const { id } = editor.paint(null, drawn("###", 1, 1), { classId: 1 });
  assert.deepEqual(editor.paint(null, drawn("###", 1, 1), { classId: 2 }).id, null);
  editor.setClass(id, 1);
  editor.erase(drawn("##", 30, 30));
  assert.equal(editor.done.length, 1);
  assert.equal(editor.map.instances.size, 1);
});

test("pixels of others stay with them and are told, unless they are taken", () => {
  const editor = editorOf(50, 50);
  const first = editor.paint(null, drawn("####", 1, 1), { classId: 1 }).id;
  const second = editor.paint(null, drawn("####", 1, 3), { classId: 2 });
  assert.deepEqual([second.changed, [...second.kept]], [2, [[first, 2]]]);
  editor.paint(second.id, drawn("####", 1, 1), { over: "take" });
  assert.equal(editor.map.instances.has(first), false);
  editor.undo();
  assert.equal(editor.map.instances.get(first).area, 4);
});

test("what was removed meanwhile is not painted on", () => {
  const editor = editorOf(50, 50);
  const { id } = editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  editor.remove(id);
  assert.deepEqual(editor.paint(id, drawn("##", 5, 5)), { id: null, changed: 0, kept: new Map() });
  assert.equal(editor.map.tiles.size, 0);
  assert.throws(() => editor.act("broken", () => { editor.paint(null, drawn("##", 5, 5), {}); throw new RangeError("x"); }), RangeError);
  assert.equal(editor.map.tiles.size, 0); // what fails half way leaves nothing
});

test("slick ids name scene, annotator and a number that is never used twice", () => {
  const editor = editorOf(50, 50);
  const ids = [1, 5, 9].map((row) => editor.paint(null, drawn("##", row, 1), { classId: 1 }).id);
  editor.remove(ids[2]);
  const { id } = editor.paint(null, drawn("##", 20, 1), { classId: 1 });
  assert.equal(editor.map.instances.get(ids[0]).slickId, "scene-1/ann/1");
  assert.equal(editor.map.instances.get(id).slickId, "scene-1/ann/4");
});
