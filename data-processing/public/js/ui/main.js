"use strict";
// The page put together.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // The desk with all that lies on it: the image's stage from early.js, tools, and the layers of a frame.
  function buildDesk() {
    const desk = new ui.Desk();
    Object.assign(desk, ui.stage);
    desk.canvas = ui.byId("canvas");
    desk.storage = new ui.Storage();
    desk.reviews = new Map();
    desk.server = new ui.Server(desk);
    desk.marks = new ui.Marks(desk);
    desk.overlay = new ui.OverlayTiles((...place) => desk.marks.paint(...place));
    desk.tools = {
      wand: new ui.Wand(desk),
      follow: new ui.Follow(desk),
      polygon: new ui.Polygon(desk),
      brush: new ui.Brush(desk, false),
      eraser: new ui.Brush(desk, true),
      cut: new ui.Cut(desk),
      hand: new ui.Hand(desk),
    };
    desk.saveDraft = () => {
      if (!desk.autosave) return;
      const { draft } = desk.tools.polygon;
      desk.state.draft = draft?.vertices.length ? draft.vertices : null;
      desk.autosave.keepState(desk.state);
    };
    desk.contrast = new ui.Contrast(desk, ui.byId("stretch-controls"));
    desk.clock = new ui.Clock(() => ui.showClock(desk.clock));
    const [first] = desk.renderer.layers;
    desk.renderer.layers = [
      (context, view) => (desk.pyramid ? ui.drawPyramid(context, view, desk.pyramid) : first(context)),
      (context, view) => drawRasters(desk, context, view),
      (context, view) => desk.scene && desk.marks.paintBelow(context, view),
      (context, view) => desk.scene && desk.overlay.draw(context, view),
      (context, view) => desk.scene && desk.marks.paintLive(context, view),
    ];
    return desk;
  }

  function drawRasters(desk, context, view) {
    let more = false;
    context.globalAlpha = 0.5;
    for (const [name, layer] of desk.marks.layers)
      if (layer.pyramid && desk.shows.layers.get(name)) more = ui.drawPyramid(context, view, layer.pyramid) || more;
    context.globalAlpha = 1;
    return more;
  }

  function welcome(error) {
    const place = ui.byId("welcome");
    place.hidden = false;
    place.replaceChildren(
      ui.make("strong", { text: "No scene is here yet" }),
      ui.make("span", { text: "Open a page's data folder or gray pictures (Ctrl+O), or drop them here." }),
      ui.make("span", { text: error.message }),
    );
  }

  const desk = (Cerulean.desk = buildDesk());
  const page = new ui.Page(desk);
  page.start().catch(welcome);
})();
