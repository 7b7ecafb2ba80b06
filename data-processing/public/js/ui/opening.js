"use strict";
// Opening an item: its image first, then what is known of it: this browser's work, the store's state, suggestions.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  const ELSEWHERE = "This scene is open in another window of yours, which keeps what is drawn.";

  // Checks what scene.json says, as far as the page leans on it.
  function checkedScene(scene, sceneId) {
    const wrong = (what) => new Cerulean.InputError(`The scene's description has no ${what}; prepare the page again.`);
    if (scene?.scene_id !== sceneId) throw wrong(`scene_id ${Cerulean.quoted(sceneId)}`);
    const sizes = [scene.height_width, ...(scene.levels ?? []).map((level) => level?.height_width)];
    const fits = (size) =>
      Array.isArray(size) && size.length === 2 && size.every((side) => Number.isInteger(side) && side > 0);
    if (sizes.length < 2 || !sizes.every(fits)) throw wrong("sizes");
    if (!Number.isInteger(scene.tile_px) || scene.tile_px < 16) throw wrong("tile_px");
    if (![8, 16].includes(scene.bits)) throw wrong("bits of 8 or 16");
    return scene;
  }

  // Opens the scene's image: its pyramid is on the screen as soon as its coarsest tile is.
  ui.openImage = async (desk, item) => {
    const folder = ui.source.pathOf("scenes", item.scene);
    const scene = checkedScene(await desk.source.json(`${folder}/scene.json`), item.scene_id);
    desk.pyramid?.close();
    desk.pyramid =
      ui.takeEarly(folder, desk.source) ??
      ui.scenePyramid(desk.source, folder, scene, desk.decoder, () => desk.renderer.invalidate());
    desk.scene = scene;
    desk.sceneKey = item.scene;
    desk.view.setScene(scene.height_width);
    desk.marks.clear();
    desk.overlay.invalidate();
    desk.contrast.reset();
    ui.showItemWindow(desk, item);
    ui.emit("image");
  };

  ui.showItemWindow = (desk, item) => {
    if (item.window) desk.view.fit(item.window);
    else desk.view.fitScene();
    desk.renderer.invalidate();
  };

  // Opens what was drawn: the journal of this browser, else the server's state, else the state beside the image.
  ui.openWork = async (desk) => {
    const { scene } = desk;
    const key = [desk.pageKey, scene.scene_id, desk.annotator];
    const kept = (await notYetKept(desk, key)) ?? (await openKept(desk, key));
    const { autosave, editor, state, mine } = kept;
    desk.readOnly = mine ? "" : ELSEWHERE;
    Object.assign(desk, { autosave, editor, map: editor.map, state });
    if (kept.entries) autosave.fold();
    desk.select([]);
    ui.emit("work");
    if (!kept.any) await takeOver(desk, scene).catch(ui.tell);
    else {
      sayRecovered(desk);
      await sayNewer(desk, scene);
    }
    await openSuggestions(desk, scene).catch(ui.tell);
    desk.overlay.invalidate();
    desk.renderer.invalidate();
    ui.emit("ready");
  };

  // What was left before the browser could keep it, as it still stands here.
  async function notYetKept(desk, key) {
    const left = desk.unkept.get(key.join(" "));
    if (!left) return null;
    left.autosave.left = null;
    desk.unkept.delete(left.autosave.name);
    return { ...left, any: true, entries: 0, mine: true };
  }

  // What this browser keeps of the scene, followed from now on.
  async function openKept(desk, key) {
    const { scene } = desk;
    const size = scene.height_width;
    const autosave = new ui.Autosave(desk.storage, key, () => ui.emit("saving"));
    const mine = await holdScene(desk, autosave);
    const found = await recovered(autosave, size);
    const about = { height: size[0], width: size[1], sceneId: scene.scene_id, annotator: key[2] };
    const editor = Cerulean.restore(found.snapshot ?? null, found.entries, about);
    const any = Boolean(found.snapshot || found.entries.length);
    const state = { basedOn: [], costs: {}, ...found.state, size };
    autosave.closed = !mine;
    autosave.follow(editor);
    if (!found.state) autosave.keepState(state);
    editor.onChange((change) => ui.emit("changed", change));
    return { autosave, editor, state, any, entries: found.entries.length, mine };
  }

  // Whether this window alone draws on the scene. Where another does, a press takes it over from there.
  async function holdScene(desk, autosave) {
    const name = `ceruleanml ${autosave.key.join(" ")}`;
    if (!navigator.locks) return true; // a plain http page: browsers give no locks there
    const got = await lock(name, { ifAvailable: true }, desk, autosave);
    if (got) return true;
    const takeOver = async () => {
      if (desk.autosave !== autosave) return; // another scene is open
      await lock(name, { steal: true }, desk, autosave);
      ui.emit("reopen");
    };
    ui.notice(ELSEWHERE, { kind: "warn", seconds: 0, action: ["draw here instead", takeOver] });
    return false;
  }

  // Holds a lock until the scene is closed; true once it is held, false where another window has it.
  function lock(name, options, desk, autosave) {
    return new Promise((resolve) => {
      const held = (granted) => {
        resolve(granted !== null);
        return granted === null ? undefined : new Promise((release) => (autosave.release = release));
      };
      navigator.locks.request(name, options, held).catch(() => {
        resolve(true); // no locks here, or this one was taken over:
        if (desk.autosave !== autosave || !autosave.release) return;
        autosave.close();
        desk.readOnly = ELSEWHERE;
        ui.emit("saving");
        ui.notice("The scene was opened in another window, which goes on with it.", { kind: "warn", seconds: 0 });
      });
    });
  }

  async function recovered(autosave, size) {
    try {
      const found = await autosave.recoverOf(size);
      if (found.apart)
        ui.notice("What you drew on an earlier copy of this scene, of another size, stays kept but does not fit here.", {
          kind: "warn",
          seconds: 12,
        });
      return found;
    } catch (error) {
      ui.notice(`This browser keeps nothing (${error.message ?? error}): export before you close the page.`, {
        kind: "bad",
      });
      autosave.failed(error, [], null);
      return { snapshot: undefined, entries: [], state: undefined };
    }
  }

  function sayRecovered(desk) {
    const count = desk.instances().length;
    if (desk.editor.recovered?.broken)
      ui.notice("The end of what was saved here cannot be read; all before it is back.", { kind: "warn" });
    if (count)
      ui.notice(`Your ${count} ${count === 1 ? "slick is" : "slicks are"} back as you left them.`, {
        kind: "good",
        seconds: 4,
      });
  }

  // What others or this annotator saved before: not for scenes with blind items, whose annotators shall see nothing.
  async function takeOver(desk, scene) {
    const blind = desk.items.some((item) => item.scene_id === scene.scene_id && item.blind);
    const before = await earlierState(desk, scene, blind);
    if (desk.scene !== scene || !before || !before.state?.features) return;
    const imported = Cerulean.fromGeoJson(before.state, scene, Cerulean.classes);
    ui.takeImported(desk, imported, "replace", "earlier labels");
    desk.editor.done.length = 0; // they were there before this annotator began: no undo takes them away
    desk.state.basedOn = before.names;
    desk.autosave.fold();
    ui.markSent(desk); // the store has this state already
    const count = imported.instances.length;
    if (count)
      ui.notice(`${count} earlier ${count === 1 ? "slick" : "slicks"} of ${before.whose} loaded.`, { seconds: 4 });
  }

  // Where this annotator went on elsewhere: the store's newest state is not the one that was sent from here.
  async function sayNewer(desk, scene) {
    if (!desk.server.there) return;
    const found = await askStore(desk, scene);
    const newest = found?.files?.filter((name) => ui.annotatorOf(name) === desk.annotator).at(-1);
    if (desk.scene !== scene || !newest || newest <= (desk.state.sent?.file ?? "")) return;
    const load = () => {
      if (desk.scene !== scene || !ui.mayDraw(desk)) return;
      desk.settle();
      ui.takeImported(desk, Cerulean.fromGeoJson(found.state, scene, Cerulean.classes), "replace", "newer labels");
      ui.notice("Loaded; Ctrl+Z goes back to what was here.", { kind: "good" });
    };
    ui.notice(`The store holds a newer state of yours, ${newest}, drawn elsewhere.`, {
      kind: "warn",
      seconds: 0,
      action: ["load that one", load],
    });
  }

  // What the store has of the scene; null where it does not answer, which is said: an older state may lie there.
  async function askStore(desk, scene) {
    try {
      return await desk.server.labels(scene.scene_id, desk.annotator);
    } catch (error) {
      ui.notice(`The store does not say what it has of this scene (${error.message}).`, {
        kind: "warn",
        seconds: 0,
        action: ["ask again", () => ui.emit("reopen")],
      });
      return null;
    }
  }

  async function earlierState(desk, scene, blind) {
    if (desk.server.there) {
      const found = await askStore(desk, scene);
      const own = found?.state?.annotator === desk.annotator;
      if (!found?.state || (blind && !own)) return null;
      // Only what was loaded is taken over: a head that was not seen stays beside this annotator's own.
      const mine = found.heads.filter((name) => ui.annotatorOf(name) === desk.annotator);
      return { state: found.state, names: own ? mine : found.heads, whose: own ? "yours" : "the label store" };
    }
    if (!scene.labels || blind) return null;
    const state = await desk.source.json(`${ui.source.pathOf("scenes", desk.sceneKey)}/labels.geojson`);
    const names = Array.isArray(state.based_on) ? state.based_on.map(String) : [];
    return { state, names, whose: "the label store" };
  }

  // A model's outlines, but never on a blind item: there one that touches the item's window is not even kept.
  async function openSuggestions(desk, scene) {
    desk.prelabels = [];
    if (!scene.prelabels) return;
    const items = desk.items.filter((item) => item.scene_id === scene.scene_id);
    const blind = items.filter((item) => item.blind);
    if (blind.some((item) => !item.window)) return;
    const content = await desk.source.json(`${ui.source.pathOf("scenes", desk.sceneKey)}/prelabels.geojson`);
    const { prelabels, notes } = Cerulean.prelabelsOf(content, scene, Cerulean.classes);
    if (desk.scene !== scene) return;
    const hidden = ({ runs }) =>
      blind.some(({ window: [row, col, height, width] }) => {
        for (let i = 0; i < runs.length; i += 3)
          if (runs[i] >= row && runs[i] < row + height && runs[i + 1] < col + width && runs[i + 1] + runs[i + 2] > col)
            return true;
        return false;
      });
    desk.prelabels = prelabels.filter((one) => !hidden(one));
    if (notes.length) ui.notice(notes[0], { kind: "warn" });
  }
})();
