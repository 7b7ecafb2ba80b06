"use strict";
/* Files that people give to the page: refused by size before they are read, parsed without trust. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  /** Larger files than this many bytes are refused before they are parsed. */
  Cerulean.MAX_BYTES = 64 * 1024 * 1024;

  /** The text of a file (a Blob or File); refused above MAX_BYTES before a byte of it is read. */
  Cerulean.readFile = async (file) => {
    checkSize(file.size, file.name);
    return file.text();
  };

  /** The bytes of a file (a Blob or File), with the same limit. */
  Cerulean.readBytes = async (file) => {
    checkSize(file.size, file.name);
    return new Uint8Array(await file.arrayBuffer());
  };

  /** The object that JSON text says; text that is too long or no JSON object raises InputError. */
  Cerulean.parseObject = (content) => {
    let value = content;
    if (typeof content === "string") {
      checkSize(content.length, null);
      try {
        value = JSON.parse(content);
      } catch {
        throw new Cerulean.InputError("The file is not JSON; export it again.");
      }
    }
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      throw new Cerulean.InputError("The file holds no JSON object; export it again.");
    }
    return value;
  };

  function checkSize(bytes, name) {
    if (bytes > Cerulean.MAX_BYTES) {
      const what = name ? Cerulean.quoted(name) : "The file";
      const size = Math.ceil(bytes / 1024 / 1024);
      throw new Cerulean.InputError(`${what} has ${size} MiB and at most 64 are taken; leave out what is no label.`);
    }
  }
})();
