"use strict";
// The overlay of all keys, made from the table of commands.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const NAMES = { Escape: "Esc", PageDown: "PgDn", PageUp: "PgUp", Backspace: "⌫", Delete: "Del", " ": "Space" };

  const cap = (key) =>
    key
      .split("+")
      .map((part) => (part.length === 1 ? part.toUpperCase() : (NAMES[part] ?? part)))
      .join("+") || "+";

  function keysOf(keys) {
    const separate = keys.includes("–") ? [keys] : keys.split(" ");
    return separate.map((key) => ui.make("kbd", { text: /^[+\-]$/.test(key) ? key : cap(key) }));
  }

  ui.buildHelp = () => {
    const sections = ui.commands.map(([group, rows]) => {
      const list = ui.make("dl");
      for (const [keys, words] of rows) {
        if (!words) continue;
        const term = ui.make("dt");
        keysOf(keys).forEach((key, index) => term.append(...(index ? [" ", key] : [key])));
        list.append(term, ui.make("dd", { text: words }));
      }
      return ui.make("section", {}, ui.make("h2", { text: group }), list);
    });
    const about =
      "Every stroke is kept in this browser at once and is there after a reload or a crash. A stroke adds to the " +
      "selected slick; with nothing selected, or with Shift held, it begins a new one. Two fingers pan and zoom.";
    const help = ui.byId("help");
    help.append(ui.make("p", { text: about }), ui.make("div", {}, ...sections));
    help.addEventListener("click", () => ui.emit("toggle", "help"));
    ui.byId("help-button").addEventListener("click", () => ui.emit("toggle", "help"));
    ui.on("toggle", (what) => {
      if (what === "help") help.hidden = !help.hidden;
    });
  };
})();
