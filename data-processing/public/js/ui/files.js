"use strict";
// Files in by drop or picker: labels, scenes, prepared folders.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const MOST_NOTES = 3;

  // The files themselves, those in a ZIP in its place.
  async function unpacked(files) {
    const all = [];
    for (const file of files) {
      if (/\.zip$/i.test(file.name))
        await ui.filesOfZip(file).then(
          (found) => all.push(...found),
          (error) => ui.tell(named(file, error)),
        );
      else all.push(file);
    }
    return all;
  }

  const named = (file, error) =>
    error instanceof Cerulean.InputError
      ? new Cerulean.InputError(`${Cerulean.quoted(file.name)}: ${error.message}`)
      : error;

  // The labels of one file of any kind that is taken; raises InputError in one sentence.
  async function labelsOf(desk, file) {
    const { scene } = desk;
    if (/\.png$/i.test(file.name))
      return Cerulean.fromLayer(await Cerulean.readBytes(file), file.name, scene, Cerulean.classes);
    const content = Cerulean.parseObject(await Cerulean.readFile(file));
    return Array.isArray(content.annotations)
      ? Cerulean.fromCoco(content, scene, Cerulean.classes)
      : Cerulean.fromGeoJson(content, scene, Cerulean.classes);
  }

  ui.importLabels = async (desk, files) => {
    for (const file of await unpacked(files)) {
      if (!ui.mayDraw(desk)) return;
      const { scene } = desk;
      try {
        const imported = await labelsOf(desk, file);
        if (desk.scene !== scene) return;
        desk.settle();
        const { ids, notes } = ui.takeImported(desk, imported, "add", `import ${Cerulean.quoted(file.name, 40)}`);
        ui.notice(`${ids.length} ${ids.length === 1 ? "slick" : "slicks"} from ${file.name}.`, { kind: "good" });
        for (const note of notes.slice(0, MOST_NOTES)) ui.notice(note, { kind: "warn", seconds: 12 });
        if (notes.length > MOST_NOTES)
          ui.notice(`${notes.length - MOST_NOTES} more notes of that kind.`, { kind: "warn", seconds: 12 });
        if (ids.length) desk.select(ids.length === 1 ? ids : []);
      } catch (error) {
        ui.tell(named(file, error));
      }
    }
  };

  // The files of a drop, with those in folders: [{path, file}].
  async function droppedFiles(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const found = [];
    const walk = async (entry) => {
      if (entry.isFile)
        return found.push({
          path: entry.fullPath.replace(/^\//, ""),
          file: await new Promise((yes, no) => entry.file(yes, no)),
        });
      const reader = entry.createReader();
      for (let part = await list(reader); part.length; part = await list(reader))
        for (const one of part) await walk(one);
      return undefined;
    };
    const list = (reader) => new Promise((yes, no) => reader.readEntries(yes, no));
    if (!entries.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
    for (const entry of entries) await walk(entry);
    return found;
  }

  // A folder with queue.json is a prepared page's data; pictures are scenes; the rest are labels.
  ui.takeFiles = async (desk, found, { asScenes = false } = {}) => {
    const queue = found.find(({ path }) => /(^|\/)queue\.json$/.test(path));
    if (queue) {
      const root = queue.path.slice(0, -"queue.json".length);
      const files = new Map(
        found.filter(({ path }) => path.startsWith(root)).map(({ path, file }) => [path.slice(root.length), file]),
      );
      return ui.emit("open-source", ui.source.openedFolder(files, root.replace(/\/$/, "") || "that folder"));
    }
    const pictures = found.filter(({ file }) => /\.(png|jpe?g|webp)$/i.test(file.name));
    if (pictures.length && (asScenes || !desk.scene))
      return ui.emit("open-source", ui.pictureSource(pictures.map(({ file }) => file)));
    return ui.importLabels(
      desk,
      found.map(({ file }) => file),
    );
  };

  ui.listenToFiles = (desk) => {
    const [labels, scenes, folder] = ["import-files", "scene-files", "folder-files"].map(ui.byId);
    const picked = (input, options) => async () => {
      const found = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      input.value = "";
      if (found.length) await ui.takeFiles(desk, found, options).catch(ui.tell);
    };
    labels.addEventListener("change", picked(labels, {}));
    for (const input of [scenes, folder]) input.addEventListener("change", picked(input, { asScenes: true }));
    for (const [id, words, name] of [
      ["export-button", "Export", "export"],
      ["import-button", "Import", "import"],
      ["folder-button", "Open …", "open-folder"],
    ]) {
      ui.byId(id).textContent = words;
      ui.byId(id).addEventListener("click", () => ui.emit(name, "geojson"));
    }
    ui.byId("export-button").title = "GeoJSON of all scenes (Ctrl+E); of this one COCO: Ctrl+Shift+E; layers: Ctrl+Alt+E";
    ui.byId("import-button").title = "GeoJSON, COCO or layers as PNG or ZIP (Ctrl+I, or drop them on the image)";
    ui.byId("folder-button").title =
      "A page's data folder (Ctrl+Shift+O), gray pictures as scenes (Ctrl+O), or drop them";
    ui.on("import", () => labels.click());
    ui.on("open-scenes", () => scenes.click());
    ui.on("open-folder", () => folder.click());
    ui.on("export", (kind) => ui.exportAs(desk, kind).catch(ui.tell));
    listenToDrops(desk);
  };

  function listenToDrops(desk) {
    const stage = ui.byId("stage");
    addEventListener("dragover", (event) => {
      event.preventDefault();
      stage.classList.add("dropping");
    });
    addEventListener("dragleave", (event) => event.relatedTarget || stage.classList.remove("dropping"));
    addEventListener("drop", async (event) => {
      event.preventDefault();
      stage.classList.remove("dropping");
      try {
        await ui.takeFiles(desk, await droppedFiles(event.dataTransfer));
      } catch (error) {
        ui.tell(error);
      }
    });
  }
})();
