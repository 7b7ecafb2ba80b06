"use strict";
// Short messages over the image: they go by themselves, and never ask for an answer.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST = 4;

  // Shows a sentence. `kind`: "", good, warn or bad; bad ones stay until they are clicked. `action`: [label, function].
  ui.notice = (text, { kind = "", action = null, seconds = kind === "bad" ? 0 : 6 } = {}) => {
    const list = ui.byId("notices");
    const old = [...list.children].find((one) => one.dataset.text === text);
    if (old?.querySelector("button")) return old; // it offers something: it stays as it is
    old?.remove();
    const line = ui.make("div", { class: `notice ${kind}`, text, data: { text } });
    line.addEventListener("click", () => line.remove());
    if (action) line.append(ui.make("button", { type: "button", text: action[0], on: { click: action[1] } }));
    list.append(line);
    while (list.children.length > MOST) list.firstChild.remove();
    if (seconds) setTimeout(() => line.remove(), seconds * 1000);
    return line;
  };

  // Takes away what offers something about a scene that is left.
  ui.dropOffers = () => {
    for (const button of ui.byId("notices").querySelectorAll(".notice button")) button.parentElement.remove();
  };

  // What went wrong, as one sentence: engine errors are sentences already.
  ui.tell = (error) => {
    const sentence =
      error instanceof Cerulean.InputError ? error.message : `That did not work: ${error.message ?? error}`;
    ui.notice(sentence, { kind: "bad" });
  };
})();
