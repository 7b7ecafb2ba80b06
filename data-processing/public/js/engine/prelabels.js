"use strict";
/* A model's outlines beside the map: nothing of them is a label until a person takes it. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** One outline: {key, slickId, classId, model, comment, confidence, area, bbox, runs} and its rings. */
  class Prelabel {
    constructor(instance) {
      const { slickId, classId, model, comment, confidence, runs } = instance;
      Object.assign(this, { key: slickId, slickId, classId, model, comment, confidence, runs });
      this.area = Cerulean.runsArea(runs);
      this.bbox = Cerulean.runsBox(runs);
    }

    /** Closed rings [[x, y], …] on pixel edges. */
    rings() {
      this.traced ??= Cerulean.maskRings(this.mask());
      return this.traced;
    }

    mask() {
      return Cerulean.maskOfRuns(this.runs);
    }
  }

  /** {prelabels, notes} of a file of predictions, checked as any import. */
  Cerulean.prelabelsOf = (content, scene, classes) => {
    const { instances, notes } = Cerulean.fromGeoJson(content, scene, classes);
    return { prelabels: instances.map((instance) => new Prelabel(instance)), notes };
  };

  /** The key of the fact that tells what became of an outline. */
  Cerulean.prelabelFact = (prelabel) => `prelabel:${prelabel.slickId}\n${prelabel.model ?? ""}`;

  /** "pending", "accepted", "edited" or "rejected": read from the map, so undo and a reload tell the truth. */
  Cerulean.prelabelState = (map, prelabel) => {
    for (const instance of map.instances.values()) {
      if (instance.slickId === prelabel.slickId && instance.source !== "drawn") return instance.source;
    }
    return map.facts.get(Cerulean.prelabelFact(prelabel)) ?? "pending";
  };

  /** The outlines that a person rejected, or took and then removed: [{slick_id, model}], by id. */
  Cerulean.rejectedOf = (map) => {
    const there = new Set([...map.instances.values()].map((instance) => instance.slickId));
    const rejected = [];
    for (const [key, state] of map.facts) {
      if (state !== "rejected" || !key.startsWith("prelabel:")) continue;
      const [slickId, model] = key.slice("prelabel:".length).split("\n");
      if (!there.has(slickId)) rejected.push({ slick_id: slickId, model: model || null });
    }
    return rejected.sort((a, b) => (a.slick_id < b.slick_id ? -1 : 1));
  };
})();
