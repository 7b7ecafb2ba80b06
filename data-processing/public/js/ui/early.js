"use strict";
// The image first: the first scene's tiles are asked for and drawn before the tools are even loaded.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const PATIENCE_MS = 250; // a slow server's answers are not waited for any longer than this

  // What the item that was open last on a page is remembered by.
  ui.placeOf = (pageKey) => `ceruleanml-at ${pageKey}`;

  // What localStorage has by a name; "" where it has nothing or is switched off.
  ui.inLocalStorage = (name) => {
    try {
      return localStorage.getItem(name) ?? "";
    } catch {
      return "";
    }
  };

  // The page's folder, which is what this browser's work is kept under where no server names its store.
  ui.folderKey = () => location.pathname.replace(/[^/]*$/, "");

  const decoder = new ui.Decoder();
  const view = new ui.View();
  const renderer = new ui.Renderer(ui.byId("canvas"), view);
  let early = null; // the pyramid of the first scene
  renderer.layers = [(context) => early !== null && ui.drawPyramid(context, view, early)];
  ui.stage = { decoder, view, renderer };

  // The pyramid whose tiles are on their way already, where it is the one of that folder; at most once.
  ui.takeEarly = (folder, source) => {
    const pyramid = early;
    early = null;
    return pyramid?.folder === folder && pyramid.source === source ? pyramid : null;
  };

  async function begin() {
    const { ownFolder, pathOf } = ui.source;
    const queue = await ownFolder.json("queue.json");
    const last = ui.inLocalStorage(ui.placeOf(ui.folderKey()));
    const item = queue.items.find((one) => one.id === last) ?? [...queue.items].sort((a, b) => a.order - b.order)[0];
    const folder = pathOf("scenes", item.scene);
    const scene = await ownFolder.json(`${folder}/scene.json`);
    if (Cerulean.desk) return; // the page is there itself
    view.setScene(scene.height_width);
    view.fit(item.window ?? [0, 0, ...scene.height_width]);
    early = ui.scenePyramid(ownFolder, folder, scene, decoder, () => renderer.invalidate());
    const [low, high] = scene.stretch;
    early.stretch = `${low} ${high} 1`;
    early.setTable(ui.lutOf({ low, high, gamma: 1, bits: scene.bits, nodata: scene.nodata }));
    renderer.draw();
    await Promise.any(early.under.values()); // by then the others are on their way through the workers
  }

  // The other scripts, in the order of the page's list of them.
  function loadRest() {
    for (const { attributes } of ui.byId("scripts").content.querySelectorAll("script")) {
      const script = document.createElement("script");
      script.src = attributes.src.value;
      script.async = false;
      document.head.append(script);
    }
  }

  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  const begun = begin().catch(() => {}); // main.js asks again, and says what is wrong
  Promise.race([begun, patience]).then(loadRest);
})();
