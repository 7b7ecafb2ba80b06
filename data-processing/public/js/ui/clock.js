"use strict";
// What an item costs: seconds at work on it and presses. The clock stops while the window is hidden or nobody acts.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const IDLE_MS = 60_000;

  ui.Clock = class Clock {
    constructor(changed, now = () => performance.now()) {
      this.changed = changed;
      this.now = now;
      this.costs = {}; // item id -> {seconds, clicks}
      this.id = null;
      this.acted = now();
      this.counted = now();
      const act = () => this.act();
      for (const name of ["pointerdown", "pointermove", "keydown", "wheel"])
        addEventListener(name, act, { passive: true, capture: true });
      document.addEventListener("visibilitychange", () => this.tick());
      ui.on("click", () => this.press());
      setInterval(() => this.tick(), 1000);
    }

    get paused() {
      return document.hidden || this.now() - this.acted > IDLE_MS || this.id === null;
    }

    // Counts up to now, then goes on with another item.
    show(id, costs) {
      this.tick();
      this.id = id;
      this.costs = costs;
      if (id !== null) this.costs[id] ??= { seconds: 0, clicks: 0 };
    }

    act() {
      if (this.paused) this.counted = this.now(); // the pause itself costs nothing
      this.acted = this.now();
    }

    press() {
      if (this.id !== null) this.costs[this.id].clicks++;
    }

    tick() {
      const now = this.now();
      // Up to where the idle time began to count as a pause.
      const until = Math.min(now, this.acted + IDLE_MS);
      if (this.id !== null && !this.hidden && until > this.counted)
        this.costs[this.id].seconds += (until - this.counted) / 1000;
      this.counted = now;
      this.hidden = document.hidden;
      this.changed();
    }

    words() {
      const seconds = Math.floor(this.costs[this.id]?.seconds ?? 0);
      return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    }
  };
})();
