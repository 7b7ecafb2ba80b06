"use strict";
// The table of keys: each command's keys, words for the help, and what it does. The help is made from it.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const ARROW = 90; // device-independent pixels a press pans

  const each = (desk, work, name) => {
    if (!desk.selected.size)
      return ui.notice("Select a slick first: click it with V, or Alt-click it.", { seconds: 4 });
    if (!ui.mayDraw(desk)) return undefined;
    desk.settle();
    desk.editor.begin(name);
    const kept = [...desk.selected].flatMap((id) => work(id) ?? [id]);
    desk.editor.commit();
    return desk.select(kept);
  };

  const pan = (dx, dy) => (desk) => desk.view.pan(dx * ARROW * desk.renderer.ratio, dy * ARROW * desk.renderer.ratio);

  const zoom = (factor) => (desk) => {
    const at = desk.gestures.last ?? { screenX: desk.view.width / 2, screenY: desk.view.height / 2 };
    desk.view.zoomAt(at.screenX, at.screenY, factor);
  };

  // Sets the class of what is selected, of the suggestion in focus (and accepts it), and of what is drawn next.
  ui.chooseClass = (desk, classId) => {
    if (!Cerulean.classes[classId] || classId < 1) return;
    desk.classId = classId;
    if (desk.focus) ui.acceptSuggestion(desk, { classId });
    else if (desk.selected.size && ui.mayDraw(desk))
      each(desk, (id) => void desk.editor.setClass(id, classId), "class");
    ui.emit("selection");
  };

  function removeSelected(desk) {
    if (desk.tool().removeVertex?.()) return;
    if (desk.focus) ui.rejectSuggestion(desk);
    else
      each(
        desk,
        (id) => {
          desk.editor.remove(id);
          return [];
        },
        "delete",
      );
  }

  function merge(desk) {
    if (desk.selected.size < 2)
      return ui.notice("Select two or more slicks: Shift-click them with V or in the list.", { seconds: 4 });
    if (!ui.mayDraw(desk)) return undefined;
    desk.settle();
    return desk.select([desk.editor.merge([...desk.selected])]);
  }

  // Undo and redo: first of an open polygon's vertices, then of everything.
  ui.undo = (desk) => {
    if (desk.tool().undo?.()) return;
    if (!desk.editor || desk.editor.running || !ui.mayDraw(desk)) return;
    const done = desk.editor.undo();
    if (!done) return void ui.notice("Nothing is left to undo.", { seconds: 2 });
    desk.tools.polygon.undone(done);
    if (desk.tools.polygon.busy) desk.setTool("polygon");
    afterStep(desk, done, "Undone");
  };

  ui.redo = (desk) => {
    if (desk.tool().redo?.()) return;
    if (!desk.editor || desk.editor.running || !ui.mayDraw(desk)) return;
    const done = desk.editor.redo();
    if (done) afterStep(desk, done, "Done again");
    else ui.notice("Nothing is left to do again.", { seconds: 2 });
  };

  function afterStep(desk, { name, ids }, word) {
    ui.notice(`${word}: ${name}`, { seconds: 1.5 });
    const there = ids.filter((id) => desk.map.instances.has(id));
    desk.select(
      there.length === 1 ? there : [...desk.selected],
      desk.pending().find((one) => one.key === desk.focus?.key) ?? null,
    );
  }

  function escape(desk) {
    if (desk.tool().busy) desk.tool().cancel();
    else desk.select([]);
  }

  const enter = (desk) => {
    if (desk.tool().finish?.()) return;
    if (desk.focus) ui.acceptSuggestion(desk);
  };

  const toggle = (what) => () => ui.emit("toggle", what);
  const tool = (id) => (desk) => desk.setTool(id);

  // [group, [[keys, words, what it does], …]]; keys as ui.keyOf gives them, several separated by a space.
  ui.commands = [
    [
      "Draw",
      [
        ["w", "wand: press on dark water, drag sideways for more or less", tool("wand")],
        ["l", "wand along: drag along a thin slick", tool("follow")],
        ["p", "polygon: click vertices, drag them, Enter burns it", tool("polygon")],
        ["b", "brush", tool("brush")],
        ["e", "eraser (of the selected slick, else of all)", tool("eraser")],
        ["x", "cut: a line that parts a slick", tool("cut")],
        ["v", "select and move", tool("hand")],
        ["[ ]", "smaller or larger brush; less or more tolerance", null],
        ["Enter", "burn the polygon", enter],
        ["Escape", "drop the stroke; deselect, so that the next stroke is a new slick", escape],
      ],
    ],
    [
      "The selected slicks",
      [
        ["1 – 6", "class (also of what is drawn next)", null],
        ["g", "fill holes", (desk) => each(desk, (id) => void desk.editor.fillHoles(id), "fill holes")],
        ["s", "smooth", (desk) => each(desk, (id) => void desk.editor.smooth(id, 2), "smooth")],
        ["k", "split into its parts", (desk) => each(desk, (id) => desk.editor.split(id), "split")],
        ["m", "merge", merge],
        ["t", "comment (with none selected: on the scene)", () => ui.emit("comment")],
        ["Delete Backspace", "delete (or a polygon's vertex)", removeSelected],
        ["Ctrl+z", "undo, without limit", ui.undo],
        ["Ctrl+Shift+z Ctrl+y", "redo", ui.redo],
      ],
    ],
    [
      "Suggestions of the model",
      [
        ["Tab", "next", (desk) => ui.stepSuggestion(desk, true)],
        ["Shift+Tab", "previous", (desk) => ui.stepSuggestion(desk, false)],
        ["Enter", "accept", null],
        ["1 – 6", "accept as that class", null],
        [
          "q",
          "accept and edit",
          (desk) => (desk.focus ? ui.acceptSuggestion(desk, { edited: true }) : ui.stepSuggestion(desk, true)),
        ],
        ["Delete", "reject", null],
      ],
    ],
    [
      "Items",
      [
        ["r", "reviewed, go to the next", () => ui.emit("reviewed", { empty: false })],
        ["0", "reviewed, nothing here; go to the next", () => ui.emit("reviewed", { empty: true })],
        ["Shift+r", "not reviewed after all", (desk) => ui.unmarkReviewed(desk)],
        ["c", "the whole scene is gone through (again: it is not)", (desk) => ui.toggleComplete(desk)],
        ["n PageDown", "next item", () => ui.emit("step", 1)],
        ["Shift+n PageUp", "previous item", () => ui.emit("step", -1)],
      ],
    ],
    [
      "Look",
      [
        ["wheel + -", "zoom to the pointer", null],
        ["+ =", "", zoom(1.5)],
        ["-", "", zoom(1 / 1.5)],
        ["Space-drag", "pan; also the middle button and the arrows", null],
        ["ArrowLeft", "", pan(1, 0)],
        ["ArrowRight", "", pan(-1, 0)],
        ["ArrowUp", "", pan(0, 1)],
        ["ArrowDown", "", pan(0, -1)],
        ["f", "the item; again: the whole scene", (desk) => ui.emit("fit", desk)],
        ["z", "one to one", (desk) => zoom(desk.renderer.ratio / desk.view.scale)(desk)],
        ["a", "contrast of what is on screen", (desk) => desk.contrast.auto()],
        ["Shift+a", "contrast as at first", (desk) => desk.contrast.reset()],
        [", .", "gamma: darker, lighter", null],
        [",", "", (desk) => desk.contrast.set({ gamma: desk.contrast.gamma / 1.15 })],
        [".", "", (desk) => desk.contrast.set({ gamma: desk.contrast.gamma * 1.15 })],
        ["right-drag", "contrast: sideways level, up and down width", null],
      ],
    ],
    [
      "Show",
      [
        ["h", "outlines", toggle("outlines")],
        ["j", "fills", toggle("fills")],
        ["u", "suggestions", toggle("suggestions")],
        ["o", "all layers", toggle("layers")],
        ["Alt+1 – 9", "one layer", null],
        ["i", "the small map", toggle("minimap")],
        ["?", "this help", toggle("help")],
      ],
    ],
    [
      "Files",
      [
        ["Ctrl+s", "save to the store now (the browser keeps every stroke anyway)", () => ui.emit("send")],
        ["Ctrl+e", "export GeoJSON, all scenes", () => ui.emit("export", "geojson")],
        ["Ctrl+Shift+e", "export COCO, this scene", () => ui.emit("export", "coco")],
        ["Ctrl+Alt+e", "export layers, this scene (PNG, as Photopea's)", () => ui.emit("export", "layers")],
        ["Ctrl+i", "import labels; also by dropping files", () => ui.emit("import")],
        ["Ctrl+o", "open gray pictures as scenes; also by dropping them", () => ui.emit("open-scenes")],
        ["Ctrl+Shift+o", "open a page's data folder; also by dropping it", () => ui.emit("open-folder")],
      ],
    ],
  ];
})();
