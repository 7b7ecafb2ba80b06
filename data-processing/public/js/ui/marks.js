"use strict";
// What is drawn over the image: slicks, suggestions, vector layers, the item's window, the selection.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  const meets = ([top, left, bottom, right], [row, column, height, width]) =>
    top < row + height && bottom > row && left < column + width && right > column;

  ui.Marks = class Marks {
    constructor(desk) {
      this.desk = desk;
      this.paths = new ui.PathCache();
      this.suggested = new ui.PathCache();
      this.layers = new Map(); // name -> {kind, colour, rings, points, pyramid}
    }

    clear() {
      for (const { pyramid } of this.layers.values()) pyramid?.close();
      this.paths = new ui.PathCache();
      this.suggested = new ui.PathCache();
      this.layers = new Map();
    }

    styleOf(classId) {
      return { colour: ui.colourOf(classId), letter: Cerulean.classes[classId]?.letter ?? "?" };
    }

    pathOf(id, scale) {
      const { map } = this.desk;
      const version = map.extents.get(id)?.version ?? -1;
      return this.paths.get(id, version, scale, () => Cerulean.outline(map, id));
    }

    // Paints all marks of a window; returns whether there was one. `ratio`: device pixels a CSS pixel, which lines and
    // letters are measured in.
    paint(context, window, scale, ratio) {
      const { desk } = this;
      const cssScale = scale / ratio;
      let drawn = this.paintLayers(context, window, cssScale);
      if (desk.shows.suggestions) {
        for (const one of desk.map ? desk.pending() : []) {
          if (!meets(one.bbox, window)) continue;
          const path = this.suggested.get(one.key, 0, scale, () => one.rings());
          ui.drawOutline(context, path, cssScale, { ...this.styleOf(one.classId), dashed: true, filled: false });
          drawn = true;
        }
      }
      if (!desk.shows.outlines) return drawn;
      for (const one of desk.map?.instances.values() ?? []) {
        const box = one.bbox;
        if (!box || !meets(box, window)) continue;
        ui.drawOutline(context, this.pathOf(one.id, scale), cssScale, {
          ...this.styleOf(one.classId),
          filled: desk.shows.fills,
        });
        drawn = true;
      }
      return drawn;
    }

    paintLayers(context, window, scale) {
      let drawn = false;
      for (const [name, layer] of this.layers) {
        if (!this.desk.shows.layers.get(name) || layer.kind !== "vector") continue;
        drawn = this.paintVector(context, window, scale, layer) || drawn;
      }
      return drawn;
    }

    paintVector(context, window, scale, { colour, shapes, points }) {
      let drawn = false;
      context.lineJoin = "round";
      for (const shape of shapes) {
        if (!meets(shape.bbox, window)) continue;
        const path = (shape.path ??= ui.pathOf(shape.rings, 1));
        const lines = [
          [3, "#000000a0"],
          [1.2, colour],
        ];
        ui.strokeEach(context, lines, 1 / scale, path);
        drawn = true;
      }
      for (const [x, y] of points) {
        if (!meets([y, x, y, x], [window[0] - 1, window[1] - 1, window[2] + 2, window[3] + 2])) continue;
        context.beginPath();
        context.arc(x, y, 5 / scale, 0, 2 * Math.PI);
        const lines = [
          [4, "#000000b0"],
          [1.8, colour],
        ];
        ui.strokeEach(context, lines, 1 / scale);
        drawn = true;
      }
      return drawn;
    }

    // Below the marks: the item's window, which is not to darken them.
    paintBelow(context, view) {
      if (this.desk.item?.window) this.paintItem(context, view, this.desk.item.window);
    }

    // What changes with every frame: the selection, the tool.
    paintLive(context, view) {
      const { desk } = this;
      if (desk.map && desk.shows.outlines) {
        for (const id of desk.selected) {
          if (!desk.map.instances.has(id)) continue;
          const classId = desk.map.instances.get(id).classId;
          const box = desk.map.boxOf(id);
          if (box) ui.drawSelected(context, this.pathOf(id, view.scale), view, box, { colour: ui.colourOf(classId) });
        }
      }
      if (desk.focus && desk.shows.suggestions) {
        const path = this.suggested.get(desk.focus.key, 0, view.scale, () => desk.focus.rings());
        ui.drawSelected(context, path, view, desk.focus.bbox, {
          colour: ui.colourOf(desk.focus.classId),
          dashed: true,
        });
      }
      desk.tool().draw?.(context, view);
    }

    // The item's window: a thin frame, and the rest of the scene a little darker.
    paintItem(context, view, [row, column, height, width]) {
      const [left, top] = view.toScreen(column, row).map(Math.round);
      const [right, bottom] = view.toScreen(column + width, row + height).map(Math.round);
      context.fillStyle = "#0000004d";
      context.beginPath();
      context.rect(0, 0, view.width, view.height);
      context.rect(left, top, right - left, bottom - top);
      context.fill("evenodd");
      context.lineWidth = 1;
      context.strokeStyle = "#7cc4ff90";
      context.strokeRect(left - 0.5, top - 0.5, right - left + 1, bottom - top + 1);
    }
  };
})();
