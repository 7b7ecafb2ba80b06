"use strict";
// The lines around the image: item, clock, saved state, cursor, scale bar.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const BAR = 120; // CSS pixels that the scale bar may be long
  const HINTS = {
    wand: "drag sideways while pressed: tolerance · Esc, then draw: a new slick · 1–6 class · R reviewed · ? keys",
    follow: "drag roughly along the slick · 1–6 class · Ctrl+Z undo · ? keys",
    polygon: "click vertices · drag to move them · Backspace removes one · Enter burns · Esc drops",
    brush: "[ ] or Shift-wheel: size · Shift-drag: a new slick · ? keys",
    eraser: "[ ] or Shift-wheel: size · only the selected slick, if one is · ? keys",
    cut: "draw a line from one side of a slick to the other · ? keys",
    hand: "click selects · Shift-click adds · drag moves the view · ? keys",
    suggestion: "Enter accept · 1–6 accept as that class · Q edit · Delete reject · Tab next",
  };

  ui.showItem = (desk) => {
    const { item, items, index, scene } = desk;
    ui.say(ui.byId("position"), item ? `${index + 1} / ${items.length}` : "");
    const { score, reason } = item ? ui.reasonOf(item) : { score: "", reason: "" };
    ui.say(ui.byId("item-reason"), [reason, score && !item.blind ? `score ${score}` : ""].filter(Boolean).join(" · "));
    ui.say(ui.byId("scene-name"), scene ? `${scene.scene_id}` : "");
    ui.byId("scene-name").title = scene ? `${scene.sensing_time ?? ""} ${scene.source ?? ""}`.trim() : "";
  };

  // Degrees with letters, to about a metre.
  const degrees = (value, letters) => `${Math.abs(value).toFixed(5)}° ${letters[value < 0 ? 1 : 0]}`;

  ui.showCursor = (desk, point) => {
    const { scene, pyramid } = desk;
    const inside = point && scene && ui.inside(desk, [point.x, point.y]);
    const place = inside ? Cerulean.lonLat(scene, [point.x, point.y]) : null;
    const pixel = inside ? `row ${Math.floor(point.y)}, column ${Math.floor(point.x)}` : "";
    ui.say(ui.byId("cursor-place"), place ? `${degrees(place[1], "NS")}  ${degrees(place[0], "EW")}` : pixel);
    ui.byId("cursor-place").title = pixel;
    const found = inside ? pyramid.valueAt(point.x, point.y) : null;
    const value = found ? `${found.level ? "≈ " : ""}${found.value} ${scene.unit ?? ""}` : inside ? "no data" : "";
    ui.say(ui.byId("cursor-value"), value);
  };

  // A round length of at most BAR pixels: 1, 2 or 5 times a power of ten.
  ui.roundLength = (most) => {
    const power = 10 ** Math.floor(Math.log10(most));
    return [5, 2, 1].map((times) => times * power).find((length) => length <= most) ?? power;
  };

  ui.showScale = (desk) => {
    if (!desk.scene) return;
    const { view, renderer } = desk;
    const metres = desk.pixelMetres();
    const known = `${view.scale}|${metres?.toPrecision(4)}`;
    if (known === desk.scaleShown) return;
    desk.scaleShown = known;
    const perPixel = ((metres ?? 1) * renderer.ratio) / view.scale; // metres (or scene pixels) a CSS pixel
    const length = ui.roundLength(BAR * perPixel);
    const [bar, words] = ui.byId("scale-bar").children;
    bar.style.width = `${length / perPixel}px`;
    ui.say(words, metres === null ? `${length} px` : length >= 1000 ? `${length / 1000} km` : `${length} m`);
    ui.say(ui.byId("zoom"), `${ui.figures((100 * view.scale) / renderer.ratio)} %`);
  };

  ui.showHint = (desk) => ui.say(ui.byId("hint"), HINTS[desk.focus ? "suggestion" : desk.toolId]);

  ui.showClock = (clock) => {
    const place = ui.byId("clock");
    ui.say(place, clock.id === null ? "" : clock.words());
    place.classList.toggle("paused", clock.paused);
  };

  // Where what was drawn is safe: never left to guess.
  ui.showSaved = (desk) => {
    const place = ui.byId("saved");
    const { autosave, server } = desk;
    const time = (date) => date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
    const set = (state, words) => {
      place.dataset.state = state;
      ui.say(place, words);
    };
    if (!autosave) return set("", "");
    if (desk.readOnly) return set("waiting", "open in another window");
    if (autosave.state === "failed") return set("failed", `NOT SAVED: ${autosave.error} · Ctrl+E exports`);
    const { size } = desk.unkept;
    if (size)
      return set("failed", `NOT SAVED: ${size} ${size === 1 ? "scene" : "scenes"} left before; keep this window open`);
    if (autosave.state === "saving") return set("saving", "saving …");
    const here = autosave.time ? `saved in this browser ${time(autosave.time)}` : "saved in this browser";
    if (!server.there) return set("saved", here);
    if (server.waiting) return set("waiting", `${here} · ${server.waiting} to send: ${server.error || "sending …"}`);
    if (ui.unsent(desk)) return set("waiting", `${here} · not in the store yet (Ctrl+S)`);
    return set("saved", desk.state?.sent ? `in the store as ${desk.state.sent.file}` : here);
  };
})();
