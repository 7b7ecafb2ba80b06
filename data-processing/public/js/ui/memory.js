"use strict";
// What the page remembers of its user: the name, and which item was open last.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const keyOf = (name) => ["", "", name]; // no page has an empty key

  // Kept twice: beside the work, so that the one is there when the other is, and where early.js finds it at once.
  // Chromium opens a page on file:// now and then with an empty localStorage, and with the full one the next time.
  ui.remember = (storage, name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // it is switched off
    }
    storage.write(["states"], (states) => states.put(value, keyOf(name))).catch(() => {}); // then it is asked again
  };

  // What was remembered by a name, "" for nothing.
  ui.remembered = async (storage, name) =>
    (await storage.read("states", keyOf(name)).catch(() => "")) || ui.inLocalStorage(name);
})();
