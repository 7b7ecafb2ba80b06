"use strict";
// What all drawing tools share: which slick a stroke goes to, and what is said when pixels stay with another.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // The slick that a stroke adds to: the selected one, else none (a new one). Shift always begins a new one.
  ui.strokeTarget = (desk, shift) => {
    if (shift || desk.selected.size !== 1) return null;
    const [id] = desk.selected;
    return desk.map.instances.has(id) ? id : null;
  };

  // Whether the scene may be drawn on now; says why not.
  ui.mayDraw = (desk) => {
    if (!desk.scene) return false;
    if (!desk.annotator) ui.emit("ask-name");
    else if (desk.readOnly) ui.notice(desk.readOnly, { kind: "warn" });
    else if (!desk.isReady) ui.notice("One moment: what was drawn here is still being opened.", { seconds: 2 });
    else return true;
    return false;
  };

  // Paints one finished mask as one action, and selects what came of it.
  ui.paintMask = (desk, mask, { name, target, started }) => {
    if (!mask) return null;
    const result = desk.editor.paint(target, mask, { name, classId: desk.classId, started });
    ui.sayKept(desk, result);
    if (result.id !== null) desk.select([result.id]);
    return result;
  };

  // Pixels that belong to other slicks stay with them: say so, because the stroke looked larger.
  ui.sayKept = (desk, { id, changed, kept }) => {
    const pixels = [...kept.values()].reduce((sum, count) => sum + count, 0);
    if (!pixels) return;
    if (id === null || !changed)
      ui.notice("All of that belongs to another slick already; select it to add to it.", { kind: "warn" });
    else
      ui.notice(
        `${pixels.toLocaleString("en")} pixels stay with ${kept.size === 1 ? "another slick" : "other slicks"}.`,
      );
  };

  // The class colour of what a stroke will become.
  ui.strokeColour = (desk, target) => {
    const classId = target === null ? desk.classId : desk.map.instances.get(target).classId;
    return ui.colourOf(classId);
  };

  ui.colourOf = (classId) => {
    const colour = Cerulean.classes[classId]?.display ?? "";
    return /^#[0-9a-fA-F]{6}$/.test(colour) ? colour : "#ffffff";
  };

  // A translucent twin of such a colour for canvases.
  ui.faint = (colour, alpha) =>
    colour +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, "0");
})();
