"use strict";
// Window, level and gamma of the image, with a small histogram and sliders.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const GAMMAS = [0.4, 2.5];
  const BINS = 128;
  const MIDDLE = 0.36; // the share of gray that a scene's middle sample is at least shown with

  ui.Contrast = class Contrast {
    constructor(desk, parent) {
      this.desk = desk;
      this.gamma = 1;
      this.histogram = ui.make("canvas", { width: 256, height: 34 });
      const slider = (label, title, change) => {
        const output = ui.make("output");
        const input = ui.make("input", {
          type: "range",
          min: 0,
          max: 1,
          step: 0.001,
          title,
          "aria-label": title,
          tabIndex: -1,
        });
        input.addEventListener("input", () => change(Number(input.value)));
        parent.append(ui.make("span", { text: label }), input, output);
        return { input, output };
      };
      parent.append(this.histogram);
      this.sliders = {
        low: slider("black", "Samples shown black", (share) => this.set({ low: this.valueAt(share) })),
        high: slider("white", "Samples shown white", (share) => this.set({ high: this.valueAt(share) })),
        gamma: slider("gamma", "Gamma", (share) => this.set({ gamma: GAMMAS[0] * (GAMMAS[1] / GAMMAS[0]) ** share })),
      };
      ui.on("drawn", () => this.drawHistogram());
    }

    // The stretch that the scene came with.
    reset() {
      const { scene } = this.desk;
      const top = scene.bits === 16 ? 65535 : 255;
      const [low, high] =
        Array.isArray(scene.stretch) && scene.stretch.every(Number.isFinite) ? scene.stretch : [0, top];
      this.range = [Math.max(0, low - 1.2 * (high - low)), Math.min(top, high + 1.2 * (high - low))];
      this.seen = null;
      this.opened = false; // whether gamma was fitted to what the scene mostly shows
      this.set({ low, high, gamma: 1 });
    }

    // Land or ships make a sea black: gamma then lifts the middle of the samples.
    fitGamma(samples) {
      this.opened = true;
      const found = ui.percentiles(samples, this.desk.scene.nodata, [0.5]);
      const share = found ? (found[0] - this.low) / (this.high - this.low) : 1;
      if (share > 0.02 && share < MIDDLE) this.set({ gamma: Math.log(share) / Math.log(MIDDLE) });
    }

    valueAt(share) {
      return this.range[0] + share * (this.range[1] - this.range[0]);
    }

    shareOf(value) {
      return (value - this.range[0]) / Math.max(1e-9, this.range[1] - this.range[0]);
    }

    set({ low = this.low, high = this.high, gamma = this.gamma }) {
      const least = (this.range[1] - this.range[0]) / 200;
      this.low = Math.min(low, high - least);
      this.high = Math.max(high, this.low + least);
      this.gamma = Math.min(GAMMAS[1], Math.max(GAMMAS[0], gamma));
      const { bits, nodata } = this.desk.scene;
      const known = `${this.low} ${this.high} ${this.gamma}`;
      if (this.desk.pyramid.stretch !== known)
        this.desk.pyramid.setTable(ui.lutOf({ low: this.low, high: this.high, gamma: this.gamma, bits, nodata }));
      this.desk.pyramid.stretch = known;
      this.show();
      this.desk.renderer.invalidate();
    }

    // Dragging right or left moves the level, up or down the width of the window.
    drag(dx, dy) {
      const span = this.high - this.low;
      const shift = (-dx / 500) * span;
      const wider = (dy / 400) * span;
      this.set({ low: this.low + shift - wider / 2, high: this.high + shift + wider / 2 });
    }

    // The stretch of what is on screen now, so that a dark sea opens up.
    auto() {
      const samples = this.samplesOnScreen();
      const found = ui.percentiles(samples, this.desk.scene.nodata, [0.005, 0.995]);
      if (!found) return;
      this.set({ low: found[0], high: found[1], gamma: 1 });
      this.fitGamma(samples);
    }

    samplesOnScreen() {
      const { pyramid, view } = this.desk;
      const level = pyramid.levelFor(view.scale);
      const [row, column, height, width] = view.window();
      const across = Math.max(1, Math.floor(width / 200));
      const down = Math.max(1, Math.floor(height / 200));
      const values = [];
      for (let y = row; y < row + height; y += down)
        for (let x = column; x < column + width; x += across) {
          const found = pyramid.valueAt(x, y, level);
          if (found) values.push(found.value);
        }
      return values;
    }

    show() {
      for (const [name, value] of [
        ["low", this.shareOf(this.low)],
        ["high", this.shareOf(this.high)],
        ["gamma", Math.log(this.gamma / GAMMAS[0]) / Math.log(GAMMAS[1] / GAMMAS[0])],
      ]) {
        this.sliders[name].input.value = value;
        ui.say(this.sliders[name].output, name === "gamma" ? this.gamma.toFixed(2) : String(Math.round(this[name])));
      }
      this.seen = null;
    }

    drawHistogram() {
      const tile = this.desk.pyramid?.look(this.desk.pyramid.levels.length - 1, 0, 0);
      if (!tile || this.seen === tile) return;
      if (!this.opened) this.fitGamma(tile.samples);
      this.seen = tile;
      const context = this.histogram.getContext("2d");
      const { width, height } = this.histogram;
      const bins = new Float64Array(BINS);
      for (const value of tile.samples) {
        if (value === this.desk.scene.nodata) continue;
        const bin = Math.floor(this.shareOf(value) * BINS);
        if (bin >= 0 && bin < BINS) bins[bin]++;
      }
      const most = Math.max(...bins) || 1;
      context.clearRect(0, 0, width, height);
      const [from, to] = [this.shareOf(this.low) * width, this.shareOf(this.high) * width];
      context.fillStyle = "#7cc4ff22";
      context.fillRect(from, 0, to - from, height);
      context.fillStyle = "#8b97a4";
      bins.forEach((count, bin) => {
        const tall = Math.sqrt(count / most) * (height - 2);
        context.fillRect((bin * width) / BINS, height - tall, width / BINS - 0.5, tall);
      });
    }
  };
})();
