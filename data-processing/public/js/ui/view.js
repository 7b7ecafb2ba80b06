"use strict";
// Which part of the scene is on screen. Image coordinates: x = column, y = row; screen: device pixels of the canvas.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST = 48; // device pixels a scene pixel

  ui.View = class View {
    constructor() {
      this.width = 1;
      this.height = 1;
      this.scale = 1; // device pixels a scene pixel
      this.ratio = 1; // device pixels a CSS pixel
      this.x = 0; // image coordinates of the canvas' upper left corner
      this.y = 0;
      this.sceneWidth = 1;
      this.sceneHeight = 1;
    }

    resize(width, height) {
      const [x, y] = this.toImage(this.width / 2, this.height / 2);
      this.width = width;
      this.height = height;
      this.centreOn(x, y);
    }

    setScene([height, width]) {
      this.sceneWidth = width;
      this.sceneHeight = height;
    }

    toImage(screenX, screenY) {
      return [this.x + screenX / this.scale, this.y + screenY / this.scale];
    }

    toScreen(x, y) {
      return [(x - this.x) * this.scale, (y - this.y) * this.scale];
    }

    centreOn(x, y) {
      this.x = x - this.width / 2 / this.scale;
      this.y = y - this.height / 2 / this.scale;
      this.keepInside();
    }

    // Shows the window [row, column, height, width] whole, with a little room around it.
    fit([row, column, height, width]) {
      const room = 0.94;
      this.scale = Math.min(MOST, (this.width * room) / width, (this.height * room) / height);
      this.centreOn(column + width / 2, row + height / 2);
    }

    fitScene() {
      this.fit([0, 0, this.sceneHeight, this.sceneWidth]);
    }

    pan(screenDx, screenDy) {
      this.x -= screenDx / this.scale;
      this.y -= screenDy / this.scale;
      this.keepInside();
    }

    // Zooms so that what lies under the screen point stays there.
    zoomAt(screenX, screenY, factor) {
      const [x, y] = this.toImage(screenX, screenY);
      const least = 0.5 * Math.min(this.width / this.sceneWidth, this.height / this.sceneHeight, 1);
      this.scale = Math.min(MOST, Math.max(least, this.scale * factor));
      this.x = x - screenX / this.scale;
      this.y = y - screenY / this.scale;
      this.keepInside();
    }

    // The scene never leaves the screen altogether: its edge stops at the middle.
    keepInside() {
      const halfWidth = this.width / 2 / this.scale;
      const halfHeight = this.height / 2 / this.scale;
      this.x = Math.min(this.sceneWidth - halfWidth, Math.max(-halfWidth, this.x));
      this.y = Math.min(this.sceneHeight - halfHeight, Math.max(-halfHeight, this.y));
    }

    // The part of the scene on screen: [row, column, height, width], whole pixels.
    window() {
      const row = Math.max(0, Math.floor(this.y));
      const column = Math.max(0, Math.floor(this.x));
      const bottom = Math.min(this.sceneHeight, Math.ceil(this.y + this.height / this.scale));
      const right = Math.min(this.sceneWidth, Math.ceil(this.x + this.width / this.scale));
      return [row, column, Math.max(0, bottom - row), Math.max(0, right - column)];
    }
  };
})();
