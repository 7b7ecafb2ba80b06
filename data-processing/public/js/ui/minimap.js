"use strict";
// The whole scene in a corner, with the item's window and what is on screen. A press or drag moves the view.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SIDE = 150; // CSS pixels of the longer side

  ui.Minimap = class Minimap {
    constructor(canvas, { view, renderer, pyramid, item }) {
      Object.assign(this, { canvas, view, renderer, pyramid, item });
      this.context = canvas.getContext("2d");
      const go = (event) => {
        const box = canvas.getBoundingClientRect();
        const x = ((event.clientX - box.left) / box.width) * view.sceneWidth;
        const y = ((event.clientY - box.top) / box.height) * view.sceneHeight;
        view.centreOn(x, y);
        renderer.invalidate();
      };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        go(event);
      });
      canvas.addEventListener("pointermove", (event) => event.buttons && go(event));
      this.shown = true;
      ui.on("drawn", () => this.draw());
      ui.on("toggle", (what) => {
        if (what !== "minimap") return;
        this.shown = !this.shown;
        this.known = "";
        renderer.invalidate();
      });
    }

    fit() {
      const { sceneWidth, sceneHeight } = this.view;
      const share = SIDE / Math.max(sceneWidth, sceneHeight);
      this.canvas.width = Math.max(24, Math.round(sceneWidth * share));
      this.canvas.height = Math.max(24, Math.round(sceneHeight * share));
      this.known = "";
    }

    draw() {
      const pyramid = this.pyramid();
      if (!pyramid) return;
      const tile = pyramid.look(pyramid.levels.length - 1, 0, 0);
      const { view, context, canvas } = this;
      const window = view.window();
      const known = `${window}|${pyramid.folder}|${tile?.version}|${this.item()?.window}`;
      if (known === this.known) return;
      this.known = known;
      const whole = window[2] === view.sceneHeight && window[3] === view.sceneWidth;
      canvas.hidden = whole || !this.shown; // with everything on screen the map would say nothing
      context.fillStyle = "#0b0d10";
      context.fillRect(0, 0, canvas.width, canvas.height);
      if (tile) context.drawImage(tile.bitmap, 0, 0, canvas.width, canvas.height);
      if (this.item()?.window) this.box(this.item().window, "#7cc4ff", 1);
      this.box(window, "#ffffff", 1.5);
    }

    box([row, column, height, width], colour, lineWidth) {
      const { context, canvas, view } = this;
      const [across, down] = [canvas.width / view.sceneWidth, canvas.height / view.sceneHeight];
      const place = [column * across, row * down, Math.max(3, width * across), Math.max(3, height * down)];
      context.strokeStyle = "#000a";
      context.lineWidth = lineWidth + 2;
      context.strokeRect(...place);
      context.strokeStyle = colour;
      context.lineWidth = lineWidth;
      context.strokeRect(...place);
    }
  };
})();
