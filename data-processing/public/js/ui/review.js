"use strict";
// Which items were gone through, what they cost, and the state that goes into the label store.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const factOf = (item) => `tile:${item.id}`;

  // {reviewed, empty} of an item of the scene that is open, null where it was not gone through.
  ui.reviewOf = (desk, item) => desk.map?.facts.get(factOf(item)) ?? null;

  // The slicks that have pixels in an item's window.
  ui.slicksIn = (desk, item) => {
    if (!item.window) return desk.instances().map((one) => one.id);
    const [row, col, height, width] = item.window;
    return [...desk.map.idsIn({ row, col, height, width })];
  };

  // Marks the item as gone through; says why not where that would be untrue. Returns whether it is marked.
  ui.markReviewed = (desk, { empty }) => {
    const { item } = desk;
    if (!item || !ui.mayDraw(desk)) return false;
    desk.settle();
    const count = ui.slicksIn(desk, item).length;
    if (empty && count) {
      ui.notice(`There ${count === 1 ? "is a slick" : `are ${count} slicks`} here: press R, or delete what is none.`, {
        kind: "warn",
      });
      return false;
    }
    desk.editor.begin(empty ? "nothing here" : "reviewed");
    desk.editor.setFact(factOf(item), { reviewed: true, empty: count === 0 });
    if (!item.window) desk.editor.setFact("complete", true);
    desk.editor.commit();
    const open = ui.suggestionsIn(desk, item).length;
    if (open)
      ui.notice(`${open} ${open === 1 ? "suggestion is" : "suggestions are"} left as neither accepted nor rejected.`, {
        kind: "warn",
      });
    return true;
  };

  ui.unmarkReviewed = (desk) => {
    const { item } = desk;
    if (!item || !ui.reviewOf(desk, item) || !ui.mayDraw(desk)) return;
    desk.settle();
    desk.editor.begin("not reviewed");
    desk.editor.setFact(factOf(item), undefined);
    if (!item.window) desk.editor.setFact("complete", undefined);
    desk.editor.commit();
  };

  ui.toggleComplete = (desk) => {
    if (!ui.mayDraw(desk)) return;
    const complete = desk.map.facts.get("complete") === true;
    desk.editor.setFact("complete", complete ? undefined : true, complete ? "scene not complete" : "scene complete");
    ui.notice(
      complete ? "The scene no longer counts as gone through whole." : "The whole scene counts as gone through.",
      { seconds: 3 },
    );
  };

  // What is known of each tile of the scene, also of those that only an earlier queue held.
  function tilesOf({ scene, map, state, items }) {
    const queued = new Map(items.filter((item) => item.scene_id === scene.scene_id).map((item) => [item.id, item]));
    const facts = [...map.facts.keys()].filter((key) => key.startsWith("tile:")).map((key) => key.slice(5));
    const tiles = {};
    for (const id of new Set([...queued.keys(), ...Object.keys(state.costs), ...facts])) {
      const review = map.facts.get(`tile:${id}`);
      const cost = state.costs[id];
      if (!review && !(cost?.clicks || cost?.seconds > 5)) continue;
      tiles[id] = {
        reviewed: review?.reviewed === true,
        seconds: Math.round((cost?.seconds ?? 0) * 10) / 10,
        clicks: cost?.clicks ?? 0,
        blind: queued.get(id)?.blind ?? cost?.blind === true,
        empty: review?.empty === true,
        ...(cost?.comment ? { comment: cost.comment } : {}),
      };
    }
    return tiles;
  }

  // What the label store takes of the scene that is open.
  ui.collectionOf = (desk) => {
    const { scene, map, state, annotator } = desk;
    return Cerulean.toGeoJson(map, scene, Cerulean.classes, {
      complete: map.facts.get("complete") === true,
      annotator,
      saved: ui.utcNow(),
      basedOn: state.basedOn,
      comment: map.facts.get("comment"),
      tiles: tilesOf(desk),
    });
  };

  // Puts an imported file's slicks, reviews and costs into the scene as one action; its notes come back.
  ui.takeImported = (desk, imported, mode, name) => {
    const { editor, state } = desk;
    editor.begin(name);
    const { ids, notes } = editor.load(imported, { mode });
    for (const [id, tile] of Object.entries(imported.tiles ?? {})) {
      if (tile.reviewed) editor.setFact(`tile:${id}`, { reviewed: true, empty: tile.empty });
      const cost = state.costs[id] ?? { seconds: 0, clicks: 0 };
      const { blind, comment } = tile;
      state.costs[id] = {
        ...cost,
        blind,
        ...(comment ? { comment } : {}),
        seconds: Math.max(cost.seconds, tile.seconds),
        clicks: Math.max(cost.clicks, tile.clicks),
      };
    }
    if (imported.complete) editor.setFact("complete", true);
    if (imported.comment) editor.setFact("comment", imported.comment);
    editor.commit();
    return { ids, notes };
  };
})();
