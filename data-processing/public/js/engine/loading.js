"use strict";
/* Imported instances into the map: where they overlap the first keeps the pixels, and a note says what is given up. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /**
   * Paints `imported.instances` through an editor inside one action: {ids, notes}. "replace" first takes out all that
   * is there. An instance whose slick_id is there already is left out; the note says whether it differs.
   */
  Cerulean.loadInto = (editor, action, imported, mode) => {
    const { map } = editor;
    const notes = [...imported.notes];
    if (mode === "replace") {
      for (const id of [...map.instances.keys()]) editor.remove(id);
      for (const key of [...map.facts.keys()]) if (key.startsWith("prelabel:")) action.setFact(key, undefined);
    }
    const there = new Map();
    for (const [id, { slickId }] of map.instances) if (map.extents.has(id)) there.set(slickId, id);
    const ids = [];
    for (const instance of imported.instances) {
      const twin = there.get(instance.slickId);
      if (twin !== undefined) {
        const differs = !same(map.runsOf(twin), instance.runs);
        if (differs) notes.push(`${instance.slickId} is here already with other pixels; the file's were left out.`);
        continue;
      }
      const { id, changed, kept } = editor.paint(null, { runs: instance.runs }, instance);
      if (kept.size) notes.push(lostNote(map, instance, changed, kept));
      if (id !== null) ids.push(id);
    }
    for (const { slickId, model } of imported.rejected ?? []) {
      action.setFact(Cerulean.prelabelFact({ slickId, model }), "rejected");
    }
    return { ids, notes };
  };

  function lostNote(map, instance, changed, kept) {
    const owners = [...kept.keys()].map((id) => map.instances.get(id)?.slickId ?? id).join(", ");
    const lost = [...kept.values()].reduce((sum, count) => sum + count, 0);
    const all = changed ? `${lost} of its ${lost + changed} pixels` : `all its ${lost} pixels and was left out`;
    return `${instance.slickId} gave up ${all}, which belong to ${owners}.`;
  }

  function same(a, b) {
    return a.length === b.length && a.every((value, i) => value === b[i]);
  }
})();
