"use strict";
/* What a user can get wrong, said in one sentence. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** An input that cannot be taken; `message` is one plain sentence that may be shown as text. */
  Cerulean.InputError = class InputError extends Error {
    constructor(message) {
      super(message);
      this.name = "InputError";
    }
  };

  /** Text from a file made fit for a sentence: no control characters, at most `most` characters. */
  Cerulean.quoted = (value, most = 60) => {
    let text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
    text = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ");
    return text.length > most ? `${text.slice(0, most)}…` : text;
  };
})();
