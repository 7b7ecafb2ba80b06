"use strict";
// Pointers on the canvas: mouse, pen and fingers become panning, zooming, contrast and strokes of the tool.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const WHEEL = 0.0016; // zoom a wheel unit
  const LINE = 30; // wheel units of a line, where the wheel counts lines

  ui.Gestures = class Gestures {
    // `desk`: {view, renderer, tool(), contrast(dx, dy), pick(point, more), moved(point)}.
    constructor(canvas, desk) {
      this.canvas = canvas;
      this.desk = desk;
      this.pointers = new Map(); // id -> {x, y} in device pixels
      this.mode = null; // null, "stroke", "pan", "pinch", "contrast"
      this.space = false;
      this.penSeen = false;
      this.last = null; // where the pointer was last, for keys that act there
      canvas.addEventListener("pointerdown", (event) => this.down(event));
      canvas.addEventListener("pointermove", (event) => this.move(event));
      canvas.addEventListener("pointerup", (event) => this.up(event));
      canvas.addEventListener("pointercancel", (event) => this.up(event, true));
      canvas.addEventListener("pointerleave", () => this.leave());
      canvas.addEventListener("contextmenu", (event) => event.preventDefault());
      canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    }

    at(event) {
      const box = this.canvas.getBoundingClientRect();
      const ratio = this.desk.renderer.ratio;
      const screenX = (event.clientX - box.left) * ratio;
      const screenY = (event.clientY - box.top) * ratio;
      const [x, y] = this.desk.view.toImage(screenX, screenY);
      return {
        x,
        y,
        screenX,
        screenY,
        shift: event.shiftKey,
        alt: event.altKey,
        control: event.ctrlKey || event.metaKey,
      };
    }

    down(event) {
      this.canvas.focus({ preventScroll: true });
      event.preventDefault();
      try {
        this.canvas.setPointerCapture(event.pointerId);
      } catch {
        // a pointer that is gone already, or one that a test made
      }
      const point = this.at(event);
      this.pointers.set(event.pointerId, point);
      this.penSeen ||= event.pointerType === "pen";
      ui.emit("click");
      if (this.pointers.size === 2) return this.startPinch();
      if (this.pointers.size > 2) return;
      const finger = event.pointerType === "touch" && this.penSeen;
      if (event.button === 2) this.mode = "contrast";
      else if (event.button === 1 || this.space || finger) this.mode = "pan";
      else if (point.alt) this.desk.pick(point, point.shift);
      else this.mode = this.desk.tool().down(point) === "pan" ? "pan" : "stroke";
      this.last = this.start = point;
      this.desk.renderer.invalidate();
    }

    startPinch() {
      if (this.mode === "stroke") this.desk.tool().cancel(); // the first finger was the beginning of a pinch
      this.mode = "pinch";
    }

    move(event) {
      const before = this.pointers.get(event.pointerId);
      const point = this.at(event);
      this.last = point;
      if (before && this.mode === "pinch") this.pinch(event.pointerId, before, point);
      else if (before && this.mode === "pan")
        this.desk.view.pan(point.screenX - before.screenX, point.screenY - before.screenY);
      else if (before && this.mode === "contrast")
        this.desk.contrast(point.screenX - before.screenX, point.screenY - before.screenY);
      else if (before && this.mode === "stroke") this.stroke(event);
      else if (!before) this.desk.tool().hover?.(point);
      if (before) this.pointers.set(event.pointerId, this.at(event));
      this.desk.moved(point);
      this.desk.renderer.invalidate();
    }

    // Every place the pointer went through, also those between two frames.
    stroke(event) {
      const events = event.getCoalescedEvents?.() ?? [];
      const points = (events.length ? events : [event]).map((one) => this.at(one));
      this.desk.tool().move(points);
    }

    pinch(id, before, point) {
      const other = [...this.pointers].find(([key]) => key !== id)?.[1];
      if (!other) return;
      const apart = (one) => Math.hypot(one.screenX - other.screenX, one.screenY - other.screenY);
      const middle = (one) => [(one.screenX + other.screenX) / 2, (one.screenY + other.screenY) / 2];
      const [oldX, oldY] = middle(before);
      const [newX, newY] = middle(point);
      this.desk.view.pan(newX - oldX, newY - oldY);
      this.desk.view.zoomAt(newX, newY, Math.max(0.2, apart(point)) / Math.max(0.2, apart(before)));
    }

    up(event, gone = false) {
      if (!this.pointers.delete(event.pointerId)) return;
      if (this.mode === "stroke") {
        if (gone) this.desk.tool().cancel();
        else this.desk.tool().up(this.at(event));
      } else if (this.mode === "pan" && !gone) this.tap(this.at(event));
      if (this.pointers.size === 0) this.mode = null;
      this.desk.renderer.invalidate();
    }

    // A press that hardly moved is a tap.
    tap(point) {
      const moved = Math.hypot(point.screenX - this.start.screenX, point.screenY - this.start.screenY);
      if (moved < 5 * this.desk.renderer.ratio) this.desk.tool().tap?.(point);
    }

    leave() {
      if (this.pointers.size) return;
      this.desk.tool().hover?.(null);
      this.desk.moved(null);
      this.desk.renderer.invalidate();
    }

    wheel(event) {
      event.preventDefault();
      const amount = (event.deltaY || event.deltaX) * (event.deltaMode === 1 ? LINE : 1);
      const point = this.at(event);
      if (event.shiftKey) this.desk.tool().size?.(amount < 0 ? 1 : -1);
      else this.desk.view.zoomAt(point.screenX, point.screenY, Math.exp(-amount * WHEEL * (event.ctrlKey ? 6 : 1)));
      this.desk.moved(this.at(event));
      this.desk.renderer.invalidate();
    }
  };
})();
