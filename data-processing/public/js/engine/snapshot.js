"use strict";
/* Autosave: the whole state as plain data for IndexedDB, and its recovery with the journal since. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * The editor's state as structured-cloneable data: pixels as runs (triples of first pixel, length, id), records,
   * facts, and all that undo and redo know. Journal entries with a `seq` up to the snapshot's are in it. A running action is
   * left out; its parts stand in the journal, so keep entries from `seq` on.
   */
  Cerulean.snapshot = (editor) => {
    const { map } = editor;
    const running = editor.running?.plain();
    if (running) Cerulean.applyAction(map, running, true);
    const state = {
      version: 1,
      height: map.height,
      width: map.width,
      sceneId: editor.sceneId,
      nextId: editor.nextId,
      nextNumber: editor.nextNumber,
      seq: editor.running ? editor.seqBefore : editor.seq,
      runs: allRuns(map),
      records: [...map.instances.keys()].map((id) => map.recordOf(id)),
      facts: [...map.facts],
      done: [...editor.done],
      undone: [...editor.undone],
    };
    if (running) Cerulean.applyAction(map, running, false);
    return state;
  };

  /**
   * An Editor from a snapshot (null: an empty map of `about`'s height and width) and the journal entries after it, in
   * any order. `about` is what Editor takes, with {height, width}. `editor.recovered` says {entries, broken}: broken is
   * true where an entry was missing, and what followed it was left out.
   */
  Cerulean.restore = (state, journal, about) => {
    if (state && (state.version !== 1 || state.height !== about.height || state.width !== about.width)) {
      Cerulean.refuse("What was saved here is of another size of this scene; export it from the page that saved it.");
    }
    const map = new Cerulean.LabelMap(about.height, about.width);
    const editor = new Cerulean.Editor(map, about);
    if (state) takeState(editor, state);
    replay(editor, journal);
    return editor;
  };

  function takeState(editor, state) {
    const { map } = editor;
    const ignore = () => {};
    for (let i = 0; i < state.runs.length; i += 3) {
      const row = Math.floor(state.runs[i] / map.width);
      map.writeRun(row, state.runs[i] - row * map.width, state.runs[i + 1], state.runs[i + 2], () => true, ignore);
    }
    for (const record of state.records) map.setRecord(record.id, record);
    for (const [key, value] of state.facts) map.facts.set(key, value);
    const { nextId, nextNumber, seq, done, undone } = state;
    Object.assign(editor, { nextId, nextNumber, seq, done: [...done], undone: [...undone] });
  }

  /** Does the journal again; a stroke that was never finished is kept as an action of its own. */
  function replay(editor, journal) {
    const entries = [...journal].sort((a, b) => a.seq - b.seq).filter((entry) => entry.seq > editor.seq);
    let [taken, broken] = [0, false];
    for (const entry of entries) {
      if (entry.seq === editor.seq) continue; // written twice
      if (entry.seq !== editor.seq + 1) {
        broken = true;
        break;
      }
      takeEntry(editor, entry);
      editor.seq = entry.seq;
      taken++;
    }
    editor.recovered = { entries: taken, broken };
    if (editor.running) editor.commit();
  }

  function takeEntry(editor, entry) {
    if (entry.kind === "part") takePart(editor, entry);
    else if (entry.kind === "commit") editor.closeQuietly();
    else if (entry.kind === "cancel") editor.cancelQuietly();
    else if (entry.kind === "undo" || entry.kind === "redo") {
      const [from, to] = entry.kind === "undo" ? [editor.done, editor.undone] : [editor.undone, editor.done];
      const action = from.pop();
      if (!action) return;
      Cerulean.applyAction(editor.map, action, entry.kind === "undo");
      to.push(action);
    }
  }

  function takePart(editor, entry) {
    if (!editor.running) editor.begin(entry.name);
    const action = editor.running;
    for (const quad of entry.runs) action.runs.push(quad);
    for (const [key, before, after] of entry.records) action.records.set(key, { before, after });
    for (const [key, before, after] of entry.facts) action.facts.set(key, { before, after });
    Cerulean.applyAction(editor.map, entry, false);
    for (const [id, , record] of entry.records) {
      editor.nextId = Math.max(editor.nextId, id + 1);
      const number = Number(record?.slickId.startsWith(`${editor.sceneId}/`) && record.slickId.split("/").at(-1));
      if (number >= editor.nextNumber) editor.nextNumber = number + 1;
    }
  }

  /** Triples (first pixel, length, id) of all pixels, row by row. */
  function allRuns(map) {
    const out = new Cerulean.Numbers();
    for (const key of [...map.tiles.keys()].sort((a, b) => a - b)) {
      const data = map.tiles.get(key).data;
      const tileRow = Math.floor(key / map.tileCols);
      const origin = tileRow * 256 * map.width + (key - tileRow * map.tileCols) * 256;
      for (let r = 0; r < 256; r++) {
        for (let c = 0; c < 256;) {
          const id = data[r * 256 + c];
          const first = c++;
          while (c < 256 && data[r * 256 + c] === id) c++;
          if (id) out.push3(origin + r * map.width + first, c - first, id);
        }
      }
    }
    return out.done(Uint32Array);
  }
})();
