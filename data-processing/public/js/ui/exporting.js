"use strict";
// Files out by download: GeoJSON of every scene of the page that was drawn on, COCO and layers of the open one.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  function download(blob, name, more = "") {
    const address = URL.createObjectURL(blob);
    const link = ui.make("a", { href: address, download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    ui.notice(`${name} is in your downloads${more}.`, { kind: "good", seconds: more ? 6 : 3 });
  }

  const plain = (text) => text.replace(/[^A-Za-z0-9._-]/g, "_");
  const scenesOf = (desk) => new Map(desk.items.map((item) => [item.scene_id, item.scene]));
  const isWork = (map) => map.instances.size > 0 || map.facts.size > 0;

  // What this browser keeps of a scene that is not open; null where nothing was drawn or gone through there.
  async function keptCollection(desk, sceneId, folder) {
    const { annotator, items } = desk;
    const key = [desk.pageKey, sceneId, annotator];
    const left = desk.unkept.get(key.join(" "));
    const autosave = new ui.Autosave(desk.storage, key, () => {});
    const known = left ?? (await autosave.recover());
    if (!known.state) return null; // it was never open here
    const scene = await desk.source.json(`${ui.source.pathOf("scenes", folder)}/scene.json`);
    const [height, width] = scene.height_width;
    const about = { height, width, sceneId, annotator };
    const found = left ? null : await autosave.recoverOf([height, width]);
    const { map } = left?.editor ?? Cerulean.restore(found.snapshot ?? null, found.entries, about);
    const state = { basedOn: [], costs: {}, ...(left ?? found).state };
    return isWork(map) ? ui.collectionOf({ scene, map, state, annotator, items }) : null;
  }

  // The labels of all scenes of the page by this annotator, that of the open scene first.
  async function collections(desk) {
    const [own, isOwnWork, all] = [ui.collectionOf(desk), isWork(desk.map), []]; // now: another may be opened meanwhile
    for (const [sceneId, folder] of scenesOf(desk)) {
      if (sceneId === own.scene_id) continue;
      await keptCollection(desk, sceneId, folder).then((one) => one && all.push(one), ui.tell);
    }
    return isOwnWork || !all.length ? [own, ...all] : all;
  }

  async function exportLabels(desk) {
    const files = (await collections(desk)).map((one) => ({
      name: plain(`${one.scene_id}_${one.annotator}.geojson`),
      text: JSON.stringify(one),
    }));
    if (files.length === 1) return download(new Blob([files[0].text], { type: "application/geo+json" }), files[0].name);
    const zip = ui.zipOf(files.map(({ name, text }) => ({ name, bytes: new TextEncoder().encode(text) })));
    return download(zip, plain(`labels_${desk.annotator}.zip`), `: the labels of ${files.length} scenes`);
  }

  ui.exportAs = async (desk, kind) => {
    if (!desk.editor) return;
    desk.settle();
    if (kind === "geojson") return exportLabels(desk);
    const { map, scene, annotator } = desk;
    const name = plain(`${scene.scene_id}_${annotator}`);
    const only = scenesOf(desk).size > 1 ? ": this scene alone; Ctrl+E exports all" : "";
    if (kind === "coco") {
      const coco = Cerulean.toCoco(map, scene, Cerulean.classes, { annotator, saved: ui.utcNow() });
      return download(new Blob([JSON.stringify(coco)], { type: "application/json" }), `${name}.coco.json`, only);
    }
    const layers = [];
    for await (const layer of Cerulean.toLayers(map, scene, Cerulean.classes)) layers.push(layer);
    if (!layers.length) return void ui.notice("There is no slick to make a layer of.");
    return download(ui.zipOf(layers), `${name}_layers.zip`, only);
  };
})();
