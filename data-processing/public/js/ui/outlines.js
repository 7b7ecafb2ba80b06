"use strict";
// Outlines on the image: halo, class colour, letter; dashed where a model suggests them.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const DARK = "#05070ad0"; // halos: the dark one parts an outline from a light sea, the light one from a dark
  const LIGHT = "#ffffff70";
  const FILL = 0.1;

  // The path of rings in image coordinates. Corners closer than half a device pixel to the last one are left out.
  ui.pathOf = (rings, scale) => {
    const path = new Path2D();
    const least = scale < 1 ? 0.5 / scale : 0;
    for (const ring of rings) {
      let [lastX, lastY] = [Infinity, Infinity];
      ring.forEach(([x, y], index) => {
        if (index && Math.abs(x - lastX) + Math.abs(y - lastY) < least) return;
        path[index ? "lineTo" : "moveTo"](x, y);
        [lastX, lastY] = [x, y];
      });
      path.closePath();
    }
    return path;
  };

  // Where the letter of rings stands: above their topmost corner.
  ui.anchorOf = (rings) => {
    let best = null;
    for (const ring of rings) for (const corner of ring) if (!best || corner[1] < best[1]) best = corner;
    return best;
  };

  // Paths by key; a path is made anew where its version or the scale's step differs.
  ui.PathCache = class PathCache {
    constructor() {
      this.known = new Map();
    }

    get(key, version, scale, ringsOf) {
      const step = scale < 1 ? Math.round(4 * Math.log2(scale)) : 0;
      const found = this.known.get(key);
      if (found && found.version === version && found.step === step) return found;
      const rings = ringsOf();
      const made = { version, step, path: ui.pathOf(rings, scale), anchor: ui.anchorOf(rings) };
      this.known.set(key, made);
      return made;
    }
  };

  // The path in lines of these widths and styles, the widest below.
  ui.strokeEach = (context, lines, factor, path = null) => {
    for (const [width, style] of lines) {
      context.lineWidth = width * factor;
      context.strokeStyle = style;
      if (path) context.stroke(path);
      else context.stroke();
    }
  };

  // `style`: {colour, letter, dashed, faded, filled}. The context is in image coordinates, `scale` in CSS pixels.
  ui.drawOutline = (context, { path, anchor }, scale, { colour, letter, dashed = false, filled = true }) => {
    context.lineJoin = "round";
    context.setLineDash([]);
    if (filled) {
      context.fillStyle = ui.faint(colour, FILL);
      context.fill(path, "evenodd");
    }
    if (dashed) context.setLineDash([9 / scale, 5 / scale]);
    const lines = [
      [4.2, DARK],
      [2.8, LIGHT],
      [1.6, colour],
    ];
    ui.strokeEach(context, lines, 1 / scale, path);
    context.setLineDash([]);
    if (anchor && letter) ui.drawLetter(context, anchor, scale, { colour, letter, dashed });
  };

  ui.drawLetter = (context, [x, y], scale, { colour, letter, dashed }) => {
    context.save();
    context.translate(x, y);
    context.scale(1 / scale, 1 / scale);
    context.beginPath();
    context.roundRect(-8, -21, 16, 16, 4);
    context.fillStyle = dashed ? "#000000b0" : "#000000";
    context.fill();
    context.lineWidth = dashed ? 1 : 2; // a suggestion's letter is framed lightly
    context.strokeStyle = colour;
    context.stroke();
    context.fillStyle = colour;
    context.font = "700 11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(letter, 0, -12.5);
    context.restore();
  };

  // The selected slick or suggestion: a fine white line outside its own, and brackets that hide nothing of it.
  ui.drawSelected = (context, { path }, view, [top, left, bottom, right], { colour, dashed = false }) => {
    context.save();
    context.setTransform(view.scale, 0, 0, view.scale, -view.x * view.scale, -view.y * view.scale);
    context.lineJoin = "round";
    const pixel = view.ratio / view.scale;
    if (dashed) context.setLineDash([9 * pixel, 5 * pixel]);
    const lines = [
      [4.6, "#000000b0"],
      [3, "#ffffff"],
      [1.4, colour],
    ];
    ui.strokeEach(context, lines, pixel, path);
    context.restore();
    brackets(context, view.toScreen(left, top), view.toScreen(right, bottom), view.ratio);
  };

  function brackets(context, [x0, y0], [x1, y1], ratio) {
    const room = 9 * ratio;
    const letter = 17 * ratio; // the letter stands above the slick
    const [left, top, right, bottom] = [x0 - room, y0 - room - letter, x1 + room, y1 + room].map(
      (value) => Math.round(value) + 0.5,
    );
    const arm = Math.min(14 * ratio, (right - left) / 3, (bottom - top) / 3);
    context.beginPath();
    for (const [x, y, across, down] of [
      [left, top, 1, 1],
      [right, top, -1, 1],
      [right, bottom, -1, -1],
      [left, bottom, 1, -1],
    ]) {
      context.moveTo(x + across * arm, y);
      context.lineTo(x, y);
      context.lineTo(x, y + down * arm);
    }
    const lines = [
      [3.5, "#000000a0"],
      [1.5, "#ffffff"],
    ];
    ui.strokeEach(context, lines, ratio);
  }
})();
