"use strict";
// Where the page's files come from: the web server, script twins on file://, or a folder that the user opened.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const SAFE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;
  const waiting = new Map(); // path below data/ -> what to call with the twin's value

  // Each twin calls this once. A path that nobody asked for is ignored.
  Cerulean.receive = (path, value) => waiting.get(path)?.(value);

  function twinOf(path) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = (settle, value) => {
        waiting.delete(path);
        script.remove();
        settle(value);
      };
      waiting.set(path, (value) => end(resolve, value));
      script.onerror = () => end(reject, new Error(`data/${path}: is missing in the page's folder`));
      script.onload = () => waiting.has(path) && end(reject, new Error(`data/${path}: its script holds other data`));
      script.src = `data/${path.replace(/\.[a-z]+$/, ".js")}`;
      document.head.append(script);
    });
  }

  const onWeb = () => location.protocol === "http:" || location.protocol === "https:";

  async function fromWeb(path) {
    const answer = await fetch(`data/${path}`, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`data/${path}: the server answers ${answer.status}`);
    return answer;
  }

  const asked = new Map(); // small files that were asked for ahead of their use

  // The page's own files, beside index.html.
  const ownFolder = {
    name: "page",
    json(path) {
      const known = asked.get(path);
      if (known) {
        if (Cerulean.desk) asked.delete(path);
        return known;
      }
      const coming = onWeb() ? fromWeb(path).then((answer) => answer.json()) : twinOf(path);
      if (!Cerulean.desk) asked.set(path, coming);
      return coming;
    },
    // What the decoding worker can read by itself: an address, base64 or a file.
    async image(path) {
      if (onWeb()) return { address: new URL(`data/${path}`, document.baseURI).href };
      return { base64: await twinOf(path) };
    },
  };

  // A `data` folder that the user opened: the same paths, read from the chosen files.
  const openedFolder = (files, name) => {
    const fileAt = (path) => {
      const file = files.get(path);
      if (!file) throw new Error(`${path}: is missing in ${name}`);
      return file;
    };
    return {
      name,
      json: async (path) => JSON.parse(await fileAt(path).text()),
      image: async (path) => ({ file: fileAt(path) }),
    };
  };

  // The path below data/, from parts that files named. Raises where a part could leave the folder.
  const pathOf = (...parts) => {
    const wrong = parts.find((part) => !SAFE_NAME.test(String(part)));
    if (wrong !== undefined)
      throw new Error(`the queue names a folder "${String(wrong).slice(0, 40)}", which is no plain name`);
    return parts.join("/");
  };

  ui.source = { ownFolder, openedFolder, pathOf, onWeb };
})();
