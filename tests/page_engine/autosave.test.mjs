// Autosave: what a crash leaves of the journal is enough.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Cerulean, drawn, editorOf, pixels } from "./engine.mjs";

const about = { height: 60, width: 60, sceneId: "scene-1", annotator: "ann" };

function recorded() {
  const editor = editorOf(60, 60);
  const journal = [];
  editor.onJournal((entry) => journal.push(structuredClone(entry)));
  return { editor, journal };
}

test("a crash in the middle of a stroke keeps what was painted of it", () => {
  const { editor, journal } = recorded();
  editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  editor.begin("brush");
  const { id } = editor.paint(null, drawn("####", 5, 1), { classId: 2 });
  editor.paint(id, drawn("####", 6, 1));
  const again = Cerulean.restore(null, journal, about);
  assert.deepEqual(pixels(again.map), pixels(editor.map));
  assert.equal(again.map.instances.get(id).classId, 2);
  again.undo();
  assert.equal(again.map.instances.size, 1);
  assert.equal(again.canUndo, true);
});

test("undo, redo and cancel are in the journal", () => {
  const { editor, journal } = recorded();
  editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  editor.paint(null, drawn("####", 3, 1), { classId: 1 });
  editor.undo();
  editor.begin("brush");
  editor.paint(null, drawn("####", 9, 1), { classId: 1 });
  editor.cancel();
  const again = Cerulean.restore(null, journal, about);
  assert.deepEqual(pixels(again.map), pixels(editor.map));
  assert.equal(again.canRedo, true);
  again.redo();
  editor.redo();
  assert.deepEqual(pixels(again.map), pixels(editor.map));
});

test("a snapshot makes the entries before it idle, in a stroke too", () => {
  const { editor, journal } = recorded();
  editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  editor.setFact("tile:a", { reviewed: true });
  editor.begin("brush");
  const { id } = editor.paint(null, drawn("####", 5, 1), { classId: 2 });
  const state = structuredClone(Cerulean.snapshot(editor));
  editor.paint(id, drawn("####", 6, 1));
  editor.commit();
  for (const entries of [journal, journal.filter((entry) => entry.seq > state.seq), [...journal].reverse()]) {
    const again = Cerulean.restore(state, entries, about);
    assert.deepEqual(pixels(again.map), pixels(editor.map));
    assert.deepEqual(again.map.facts.get("tile:a"), { reviewed: true });
    assert.equal(again.done.length, 3);
    assert.equal(again.recovered.broken, false);
  }
});

test("a stroke that was rubbed out again leaves no instance, after a recovery neither", () => {
  const { editor, journal } = recorded();
  editor.begin("brush");
  const { id } = editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  editor.erase(drawn("####", 1, 1), { only: id });
  editor.commit();
  const again = Cerulean.restore(null, journal, about);
  for (const map of [editor.map, again.map]) assert.equal(map.instances.size, 0);
});

test("new work after a recovery goes on in the same journal", () => {
  const { editor, journal } = recorded();
  editor.paint(null, drawn("####", 1, 1), { classId: 1 });
  const again = Cerulean.restore(null, journal, about);
  again.onJournal((entry) => journal.push(structuredClone(entry)));
  const { id } = again.paint(null, drawn("####", 8, 1), { classId: 1 });
  assert.equal(again.map.instances.get(id).slickId, "scene-1/ann/2");
  const third = Cerulean.restore(null, journal, about);
  assert.deepEqual(pixels(third.map), pixels(again.map));
});

test("a hole in the journal stops recovery there and is told", () => {
  const { editor, journal } = recorded();
  for (const row of [1, 3, 5]) editor.paint(null, drawn("####", row, 1), { classId: 1 });
  const again = Cerulean.restore(null, journal.filter((entry) => entry.seq !== 3), about);
  assert.equal(again.recovered.broken, true);
  assert.equal(again.map.instances.size, 1);
});

test("what was saved for another size of the scene is refused", () => {
  const state = Cerulean.snapshot(editorOf(60, 60));
  assert.throws(() => Cerulean.restore(state, [], { ...about, width: 61 }), { name: "InputError" });
});
