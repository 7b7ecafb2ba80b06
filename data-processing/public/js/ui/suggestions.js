"use strict";
// A model's outlines one by one: step to the next, accept, edit or reject it.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  const outside = (window, { bbox: [top, left, bottom, right] }) =>
    bottom <= window[0] || right <= window[1] || top >= window[0] + window[2] || left >= window[1] + window[3];

  // The pending ones that reach into an item's window, from its upper left.
  ui.suggestionsIn = (desk, { window }) => {
    const all = desk.pending().sort((a, b) => a.bbox[0] - b.bbox[0] || a.bbox[1] - b.bbox[1]);
    return window ? all.filter((one) => !outside(window, one)) : all;
  };

  // Those in the item's window; the scene's others only where none is left in it.
  function ordered(desk, everywhere = true) {
    const here = ui.suggestionsIn(desk, desk.item);
    return here.length || !everywhere ? here : ui.suggestionsIn(desk, { window: null });
  }

  // Brings a box into view where it is not, without zooming closer than needed.
  ui.bringIntoView = (desk, [top, left, bottom, right]) => {
    const { view } = desk;
    const [x0, y0] = view.toScreen(left, top);
    const [x1, y1] = view.toScreen(right, bottom);
    const room = 40 * desk.renderer.ratio;
    if (x0 > room && y0 > room && x1 < view.width - room && y1 < view.height - room) return;
    const fits = x1 - x0 < view.width - 2 * room && y1 - y0 < view.height - 2 * room;
    if (fits) view.centreOn((left + right) / 2, (top + bottom) / 2);
    else
      view.fit([top - (bottom - top) * 0.1, left - (right - left) * 0.1, (bottom - top) * 1.2, (right - left) * 1.2]);
  };

  ui.stepSuggestion = (desk, forward) => {
    const all = ordered(desk);
    if (!all.length)
      return ui.notice(desk.prelabels.length ? "No suggestion is left." : "There is no suggestion here.", {
        seconds: 3,
      });
    if (!desk.shows.suggestions) ui.emit("toggle", "suggestions");
    const here = all.findIndex((one) => one.key === desk.focus?.key);
    const next = all[here < 0 ? (forward ? 0 : all.length - 1) : (here + (forward ? 1 : -1) + all.length) % all.length];
    ui.bringIntoView(desk, next.bbox);
    desk.select([], next);
  };

  // Takes the suggestion in focus, in a class of its own where one is given, then goes to the next.
  ui.acceptSuggestion = (desk, { edited = false, classId = null } = {}) => {
    const one = desk.focus;
    if (!one || !ui.mayDraw(desk)) return;
    const { editor } = desk;
    editor.begin(edited ? "edit outline" : "accept outline");
    const result = editor.accept(one, { edited });
    if (result.id !== null && classId !== null) editor.setClass(result.id, classId);
    editor.commit();
    if (result.id === null)
      return ui.notice("All its pixels belong to other slicks already; press Delete to reject it.", { kind: "warn" });
    ui.sayKept(desk, result);
    if (edited) return desk.select([result.id]);
    return onwards(desk, one);
  };

  ui.rejectSuggestion = (desk) => {
    const one = desk.focus;
    if (!one || !ui.mayDraw(desk)) return;
    desk.editor.reject(one);
    onwards(desk, one);
  };

  // To the suggestion after the one that was just dealt with.
  function onwards(desk, one) {
    const rest = ordered(desk, false); // the item at hand is not left by itself
    const next =
      rest.find(({ bbox }) => bbox[0] > one.bbox[0] || (bbox[0] === one.bbox[0] && bbox[1] > one.bbox[1])) ?? rest[0];
    if (next) ui.bringIntoView(desk, next.bbox);
    desk.select([], next ?? null);
  }
})();
