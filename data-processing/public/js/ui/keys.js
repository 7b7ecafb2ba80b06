"use strict";
// Keys to commands. In a text field only Enter and Escape act, and only on the field.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // "Ctrl+Shift+z", "Tab", "?": the name that the table of commands knows a key by.
  ui.keyOf = (event) => {
    const letter = event.key.length === 1;
    if (letter && event.getModifierState?.("AltGraph")) return event.key; // brackets on many keyboards
    const digit = /^(Digit|Numpad)\d$/.test(event.code) ? event.code.at(-1) : null;
    const foreign = letter && event.key > "\u024f" && /^Key[A-Z]$/.test(event.code); // Greek, Cyrillic, …: by place
    const key = digit ?? (foreign ? event.code.at(-1).toLowerCase() : letter ? event.key.toLowerCase() : event.key);
    const alphabetic = letter && event.key.toLowerCase() !== event.key.toUpperCase();
    const control = event.ctrlKey || event.metaKey;
    const shift = event.shiftKey && (!letter || alphabetic || control || digit); // "?" has its Shift in it
    return `${control ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${key}`;
  };

  const table = () => {
    const found = new Map();
    for (const [, rows] of ui.commands)
      for (const [keys, , act] of rows) if (act) for (const key of keys.split(" ")) found.set(key, act);
    return found;
  };

  function digits(desk, key) {
    const digit = /^(Alt\+)?([1-9])$/.exec(key);
    if (!digit) return false;
    if (digit[1]) ui.emit("toggle", Number(digit[2]) - 1);
    else ui.chooseClass(desk, Number(digit[2]));
    return true;
  }

  function act(desk, known, key) {
    if (key === "[" || key === "]") desk.tool().size?.(key === "]" ? 1 : -1);
    else if (known.has(key)) known.get(key)(desk);
    else if (!digits(desk, key)) return false;
    return true;
  }

  ui.listenToKeys = (desk) => {
    const known = table();
    const inField = (event) => event.target instanceof HTMLInputElement && event.target.type !== "range";
    addEventListener("keydown", (event) => {
      if (inField(event) || event.isComposing) return;
      if (event.key === " ") {
        desk.gestures.space = true;
        desk.canvas.classList.add("panning");
        if (!(event.target instanceof HTMLButtonElement)) event.preventDefault();
        return;
      }
      const key = ui.keyOf(event);
      if (!ui.byId("help").hidden && key !== "?") return key === "Escape" && ui.emit("toggle", "help");
      if (event.target instanceof HTMLButtonElement && (key === "Enter" || key === "Tab")) event.target.blur();
      if (event.repeat && !/Arrow|^[-+=[\],.]$|Ctrl\+/.test(key)) return event.preventDefault();
      if (!desk.scene && !key.startsWith("Ctrl+") && key !== "?") return;
      if (!act(desk, known, key)) return;
      event.preventDefault();
      ui.emit("click");
      ui.emit("tool");
      desk.renderer.invalidate();
    });
    addEventListener("keyup", (event) => {
      if (event.key !== " ") return;
      desk.gestures.space = false;
      desk.canvas.classList.remove("panning");
    });
    addEventListener("blur", () => (desk.gestures.space = false));
  };
})();
