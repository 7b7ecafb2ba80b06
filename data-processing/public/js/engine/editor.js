"use strict";
/* All that changes a label map: each method is one undoable action, or a part of one between begin() and commit(). */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const MOST_IDS = 65535;

  Cerulean.Editor = class Editor extends Cerulean.History {
    /** `about`: {sceneId, annotator, now() -> ISO time}; the annotator may be changed later (`editor.annotator`). */
    constructor(map, { sceneId = "", annotator = "", now = () => isoNow() } = {}) {
      super(map);
      Object.assign(this, { sceneId, annotator, now, nextId: 1, nextNumber: 1 });
    }

    /**
     * Adds a mask (or {runs}) to an instance, or makes a new one of it (id null, with `classId`, and `source`,
     * `model`, `slickId` where it is not drawn). `over` "keep" leaves other instances' pixels with them, "take" takes
     * them. Returns {id, changed, kept: Map other id -> pixels}; id null where a new instance got no pixel, and for an
     * id that is not in the table, on which nothing is painted.
     */
    paint(id, mask, options = {}) {
      if (id !== null && !this.map.instances.has(id)) return { id: null, changed: 0, kept: new Map() };
      return this.act(options.name ?? "paint", (action) => {
        const target = id ?? this.#newId();
        const allows = options.over === "take" ? () => true : (old) => old === 0 || old === target;
        const result = action.write(this.#runs(mask), target, allows);
        if (id === null && result.changed) this.#create(action, target, options);
        return { id: id === null && !result.changed ? null : target, ...result };
      });
    }

    /** Takes a mask's pixels away from all instances, or from the instance `only`: {changed, ids}. */
    erase(mask, { only = null, name = "erase" } = {}) {
      return this.act(name, (action) => {
        const ids = new Set();
        const allows = (old) => (only === null ? old !== 0 : old === only) && Boolean(ids.add(old));
        const { changed } = action.write(this.#runs(mask), 0, allows);
        return { changed, ids: [...ids] };
      });
    }

    /** Makes the instance that mask and nothing else; as `paint`. */
    replace(id, mask, { over = "keep", name = "replace" } = {}) {
      return this.act(name, () => {
        const runs = this.#runs(mask);
        const stays = Cerulean.maskOfRuns(runs);
        const old = this.map.maskOf(id);
        const gone = old && stays ? Cerulean.subtractMask(old, stays) : old;
        if (gone) this.erase(gone, { only: id });
        return this.paint(id, { runs }, { over });
      });
    }

    /** Takes an instance away. */
    remove(id) {
      this.act("remove", (action) => action.write(this.map.runsOf(id), 0, (old) => old === id));
    }

    setClass(id, classId) {
      this.#change("class", id, { classId });
    }

    setComment(id, comment) {
      this.#change("comment", id, { comment: comment || null });
    }

    /** Sets something known beside pixels (a reviewed tile, a rejected outline); undefined takes it away. */
    setFact(key, value, name = "note") {
      if (JSON.stringify(this.map.facts.get(key)) === JSON.stringify(value)) return;
      this.act(name, (action) => action.setFact(key, value));
    }

    /** Joins instances into the first of them, whose id comes back. */
    merge(ids) {
      const [first, ...others] = ids.filter((id, i) => this.map.instances.has(id) && ids.indexOf(id) === i);
      if (!others.length) return first ?? null;
      this.act("merge", (action) => {
        for (const id of others) action.write(this.map.runsOf(id), first, (old) => old === id);
        const comments = [first, ...others].map((id) => this.map.instances.get(id).comment).filter(Boolean);
        const comment = [...new Set(comments)].join("; ") || null;
        action.setRecord(first, { ...this.map.recordOf(first), comment });
        for (const id of others) action.setRecord(id, null);
      });
      return first;
    }

    /** Makes an instance of each part that hangs together (8-connected); the largest keeps the id. All ids. */
    split(id) {
      return this.#part("split", id, Cerulean.components(this.map.maskOf(id), 8));
    }

    /** Cuts an instance along a line of points: all ids, none where the line does not part it. */
    splitByLine(id, points) {
      const mask = this.map.maskOf(id);
      return mask ? this.#part("cut", id, Cerulean.cutMask(mask, points)) : [];
    }

    /** Rounds an instance's edge over that many pixels; thin parts stay. As `replace`. */
    smooth(id, radius) {
      const mask = this.map.maskOf(id, Math.ceil(radius) + 2);
      return this.replace(id, Cerulean.smoothMask(mask, radius), { name: "smooth" });
    }

    /** Fills the holes of at most `largest` pixels that are nobody else's: {id, changed, kept}. */
    fillHoles(id, { largest = Infinity } = {}) {
      return this.paint(id, Cerulean.filledMask(this.map.maskOf(id), largest), { name: "fill holes" });
    }

    /** Puts a model's outline into the map; pixels of other instances stay with them (`kept` tells). */
    accept(prelabel, { edited = false } = {}) {
      return this.act(edited ? "edit outline" : "accept outline", (action) => {
        const source = edited ? "edited" : "accepted";
        const result = this.paint(null, { runs: prelabel.runs }, { ...prelabel, source });
        if (result.id !== null) action.setFact(Cerulean.prelabelFact(prelabel), source);
        return result;
      });
    }

    /** Notes that a model's outline is no slick. */
    reject(prelabel) {
      this.setFact(Cerulean.prelabelFact(prelabel), "rejected", "reject outline");
    }

    /** Takes such a note back; what was accepted is taken out of the map. */
    reconsider(prelabel) {
      this.act("reconsider outline", (action) => {
        for (const [id, instance] of this.map.instances) {
          if (instance.slickId === prelabel.slickId && instance.source !== "drawn") this.remove(id);
        }
        action.setFact(Cerulean.prelabelFact(prelabel), undefined);
      });
    }

    /** Puts imported instances into the map ("replace": in place of all that is there): {ids, notes}. */
    load(imported, { mode = "add" } = {}) {
      return this.act("load", (action) => Cerulean.loadInto(this, action, imported, mode));
    }

    /** Before an action closes: empty instances go, what a person changed of an outline is "edited". */
    settle(action) {
      for (const id of action.touched()) {
        const record = this.map.recordOf(id);
        if (!record) continue;
        const isNew = action.records.get(id)?.before === null;
        if (!this.map.extents.has(id)) this.#drop(action, id);
        else if (!isNew) {
          const source = record.source === "accepted" ? "edited" : record.source;
          action.setRecord(id, { ...record, source, finished: this.now() });
        }
      }
    }

    /** Takes an instance without pixels out of the table; a model's outline that came to nothing counts as rejected. */
    #drop(action, id) {
      const record = this.map.recordOf(id);
      const fact = Cerulean.prelabelFact(record);
      if (record.source !== "drawn" && (this.map.facts.get(fact) ?? "rejected") !== "rejected") {
        action.setFact(fact, "rejected");
      }
      action.setRecord(id, null);
    }

    #create(action, id, options) {
      const started = options.started ?? this.now();
      action.setRecord(id, {
        id,
        slickId: options.slickId ?? this.#newSlickId(),
        classId: options.classId ?? 1,
        source: options.source ?? "drawn",
        model: options.model ?? null,
        annotator: options.annotator ?? this.annotator,
        started,
        finished: options.finished ?? this.now(),
        comment: options.comment ?? null,
      });
    }

    #change(name, id, fields) {
      const record = this.map.recordOf(id);
      if (!record || Object.keys(fields).every((key) => record[key] === fields[key])) return;
      this.act(name, (action) => action.setRecord(id, { ...record, ...fields, finished: this.now() }));
    }

    /** Leaves the largest of some masks with the instance and makes new instances of the others. */
    #part(name, id, masks) {
      if (masks.length < 2) return masks.length ? [id] : [];
      const sorted = [...masks].sort((a, b) => Cerulean.maskArea(b) - Cerulean.maskArea(a));
      return this.act(name, (action) => {
        const { classId, model, source, comment, started } = this.map.recordOf(id);
        const ids = [id];
        for (const mask of sorted.slice(1)) {
          const fresh = this.#newId();
          action.write(this.#runs(mask), fresh, (old) => old === id);
          const edited = source === "drawn" ? "drawn" : "edited";
          this.#create(action, fresh, { classId, model, source: edited, comment, started });
          ids.push(fresh);
        }
        return ids;
      });
    }

    #runs(mask) {
      if (!mask) return new Int32Array(0);
      const { height, width } = this.map;
      return mask.runs ? Cerulean.clipRuns(mask.runs, height, width) : Cerulean.runsOfMask(mask, height, width);
    }

    #newId() {
      if (this.nextId > MOST_IDS) throw new Cerulean.InputError("This scene holds 65,535 slicks; no more fit.");
      return this.nextId++;
    }

    /** "<scene_id>/<annotator>/<n>", n never used before in this map. */
    #newSlickId() {
      const taken = new Set([...this.map.instances.values()].map((instance) => instance.slickId));
      let slickId;
      do slickId = `${this.sceneId}/${this.annotator}/${this.nextNumber++}`;
      while (taken.has(slickId));
      return slickId;
    }
  };

  function isoNow() {
    return new Date().toISOString().replace(/\.\d+Z$/, "Z");
  }
})();
