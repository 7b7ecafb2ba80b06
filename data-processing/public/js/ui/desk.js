"use strict";
// What is on the desk: the scene, its slicks, what is selected. The parts of the page share this one object.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const PICK_REACH = 8; // device pixels around a thin slick that still hit it

  ui.Desk = class Desk {
    constructor() {
      this.selected = new Set(); // instance ids
      this.focus = null; // the suggestion that Enter and Delete are about
      this.prelabels = []; // those that may be shown
      this.classId = 1;
      this.annotator = "";
      this.readOnly = ""; // why nothing may be drawn; "" when it may
      this.items = [];
      this.index = -1;
      this.shows = { outlines: true, fills: true, suggestions: true, layers: new Map() };
      this.map = this.editor = this.scene = this.pyramid = this.autosave = null;
      this.unkept = new Map(); // scenes that were left before the browser kept all of them: name -> {autosave, editor, state}
      this.isReady = false; // whether the item is open and can be drawn on
      this.tools = {};
      this.toolId = "wand";
    }

    get item() {
      return this.items[this.index] ?? null;
    }

    tool() {
      return this.tools[this.toolId];
    }

    setTool(id) {
      if (id !== this.toolId && this.tool().busy) this.tool().finish?.() || this.tool().cancel();
      this.toolId = id;
      ui.emit("tool");
      this.renderer.invalidate();
    }

    // Ends a stroke that runs and keeps it, so that an undo, another scene or a save meets a whole action.
    settle() {
      const tool = this.tool();
      if (this.editor?.running) tool.finish?.() || tool.cancel();
    }

    select(ids, focus = null) {
      this.selected = new Set(ids.filter((id) => this.map?.instances.has(id)));
      this.focus = focus;
      ui.emit("selection");
      this.renderer.invalidate();
    }

    // Selects what lies under a point: a slick, else a suggestion, else nothing. `more` adds to what is selected.
    pick({ x, y }, more) {
      if (!this.map) return;
      const reach = Math.ceil((PICK_REACH * this.renderer.ratio) / this.view.scale / 2);
      const id = this.idNear(Math.floor(y), Math.floor(x), reach);
      if (id && more)
        this.select(this.selected.has(id) ? [...this.selected].filter((one) => one !== id) : [...this.selected, id]);
      else if (id) this.select([id]);
      else if (!more) this.select([], this.suggestionNear(y, x, reach));
    }

    idNear(row, col, reach) {
      const exact = this.map.at(row, col);
      if (exact) return exact;
      const side = 2 * reach + 1;
      const ids = this.map.read({ row: row - reach, col: col - reach, height: side, width: side });
      let [best, nearest] = [0, Infinity];
      ids.forEach((id, place) => {
        const distance = (Math.floor(place / side) - reach) ** 2 + ((place % side) - reach) ** 2;
        if (id && distance < nearest) [best, nearest] = [id, distance];
      });
      return best;
    }

    suggestionNear(row, col, reach) {
      if (!this.shows.suggestions) return null;
      const hit = this.pending().find(({ bbox: [top, left, bottom, right], runs }) => {
        if (row < top - reach || row > bottom + reach || col < left - reach || col > right + reach) return false;
        for (let i = 0; i < runs.length; i += 3) {
          if (Math.abs(runs[i] + 0.5 - row) > reach + 0.5) continue;
          if (col >= runs[i + 1] - reach && col <= runs[i + 1] + runs[i + 2] + reach) return true;
        }
        return false;
      });
      return hit ?? null;
    }

    // The suggestions that are neither accepted nor rejected yet.
    pending() {
      return this.map ? this.prelabels.filter((one) => Cerulean.prelabelState(this.map, one) === "pending") : [];
    }

    // The slicks in the order of the list: from the upper left.
    instances() {
      return this.map ? [...this.map.instances.values()].filter((one) => one.area) : [];
    }

    targetWords() {
      const target = ui.strokeTarget(this, false);
      if (target !== null) return `adds to the selected slick · Esc begins a new one`;
      return `new slick: ${Cerulean.classes[this.classId].title.toLowerCase()}`;
    }

    // Metres that a pixel measures in the middle of the view, null without georeference.
    pixelMetres() {
      if (!this.scene?.crs) return null;
      const row = Math.min(
        this.view.sceneHeight - 1,
        Math.max(0, this.view.y + this.view.height / 2 / this.view.scale),
      );
      const [down, across] = Cerulean.pixelSizeKm(this.scene, row);
      return 500 * (down + across);
    }

    holdOverlay(on) {
      this.overlay.hold(on);
    }
  };
})();
