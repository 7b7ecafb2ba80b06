"use strict";
/* One undoable action: the runs of pixels that changed, and the records and facts before and after. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  Cerulean.Action = class Action {
    constructor(name, map) {
      this.name = name;
      this.map = map;
      this.runs = new Cerulean.Numbers(); // quads: first pixel counted along rows, length, old id, new id
      this.records = new Map(); // id -> {before, after}
      this.facts = new Map(); // key -> {before, after}; undefined: not there
      this.told = 0; // runs that the journal holds already
    }

    get empty() {
      return !this.runs.length && !this.records.size && !this.facts.size;
    }

    /** Writes `id` on runs (triples) where `allows(old)`; returns {changed, kept: Map of refused id -> pixels}. */
    write(runs, id, allows) {
      const { map } = this;
      const kept = new Map();
      let row;
      const changed = (r, col, length, old) => this.runs.push4(r * map.width + col, length, old, id);
      const asked = (old) => {
        if (allows(old)) return true;
        kept.set(old, 0);
        return false;
      };
      let count = 0;
      for (let i = 0; i < runs.length; i += 3) {
        row = runs[i];
        count += map.writeRun(row, runs[i + 1], runs[i + 2], id, asked, changed);
      }
      if (kept.size) countKept(map, runs, kept);
      return { changed: count, kept };
    }

    /** Sets the record of an instance (null takes it out of the table). */
    setRecord(id, record) {
      const known = this.records.get(id);
      const before = known ? known.before : this.map.recordOf(id);
      this.map.setRecord(id, record);
      this.records.set(id, { before, after: record });
    }

    /** Sets a fact (undefined takes it away). */
    setFact(key, value) {
      const known = this.facts.get(key);
      const before = known ? known.before : this.map.facts.get(key);
      putFact(this.map, key, value);
      this.facts.set(key, { before, after: value });
    }

    /** The ids whose pixels changed. */
    touched() {
      const ids = new Set();
      const { data, length } = this.runs;
      for (let i = 0; i < length; i += 4) {
        ids.add(data[i + 2]);
        ids.add(data[i + 3]);
      }
      ids.delete(0);
      return ids;
    }

    /** As plain, structured-cloneable data; `from` leaves out the first runs. */
    plain(from = 0) {
      return {
        name: this.name,
        runs: this.runs.done(Uint32Array, from),
        records: [...this.records].map(([id, pair]) => [id, pair.before, pair.after]),
        facts: [...this.facts].map(([key, pair]) => [key, pair.before, pair.after]),
      };
    }
  };

  /** The window and ids that a plain action touches: what listeners are told. */
  Cerulean.reachOf = (action, map) => {
    const ids = new Set(action.records.map(([id]) => id));
    let [top, left, bottom, right] = [Infinity, Infinity, -1, -1];
    for (let i = 0; i < action.runs.length; i += 4) {
      const row = Math.floor(action.runs[i] / map.width);
      const col = action.runs[i] - row * map.width;
      top = Math.min(top, row);
      bottom = Math.max(bottom, row + 1);
      left = Math.min(left, col);
      right = Math.max(right, col + action.runs[i + 1]);
      ids.add(action.runs[i + 2]).add(action.runs[i + 3]);
    }
    ids.delete(0);
    const rect = bottom < 0 ? null : { row: top, col: left, height: bottom - top, width: right - left };
    return { rect, ids: [...ids], facts: action.facts.map(([key]) => key) };
  };

  /** Does a plain action again, or takes it back. */
  Cerulean.applyAction = (map, action, backwards) => {
    const { runs } = action;
    const quads = runs.length / 4;
    const ignore = () => {};
    const always = () => true;
    for (let n = 0; n < quads; n++) {
      const i = 4 * (backwards ? quads - 1 - n : n);
      const row = Math.floor(runs[i] / map.width);
      map.writeRun(row, runs[i] - row * map.width, runs[i + 1], runs[i + (backwards ? 2 : 3)], always, ignore);
    }
    for (const [id, before, after] of action.records) map.setRecord(id, backwards ? before : after);
    for (const [key, before, after] of action.facts) putFact(map, key, backwards ? before : after);
  };

  function putFact(map, key, value) {
    if (value === undefined) map.facts.delete(key);
    else map.facts.set(key, value);
  }

  /** Counts the pixels of `runs` that belong to the ids in `kept`. */
  function countKept(map, runs, kept) {
    for (let i = 0; i < runs.length; i += 3) {
      const ids = map.read({ row: runs[i], col: runs[i + 1], height: 1, width: runs[i + 2] });
      for (const id of ids) {
        if (kept.has(id)) kept.set(id, kept.get(id) + 1);
      }
    }
  }
})();
