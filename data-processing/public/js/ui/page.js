"use strict";
// Going from item to item: opening and leaving scenes, reviews, who draws.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const COSTS_MS = 10_000;
  const NAME = "ceruleanml-annotator";

  ui.Page = class Page {
    constructor(desk) {
      this.desk = desk;
      this.queue = new ui.QueueList(desk, (index) => this.open(index));
      this.list = new ui.SlickList(desk);
      this.layers = new ui.LayerList(desk);
      this.turn = Promise.resolve();
    }

    listen() {
      const { desk } = this;
      ui.on("step", (by) => this.step(by));
      ui.on("reviewed", ({ empty }) => ui.markReviewed(desk, { empty }) && this.afterReview());
      ui.on("send", () => {
        if (ui.unsent(desk)) ui.send(desk);
        else
          ui.notice(
            desk.server.there ? "The store has all of this." : "Every stroke is kept in this browser; Ctrl+E exports.",
            { seconds: 3 },
          );
      });
      ui.on("fit", () => this.fit());
      ui.on("reopen", () => this.reopen());
      ui.on("ask-name", () => this.askName());
      ui.on("open-source", (source) => this.openSource(source).catch(ui.tell));
      ui.on("changed", ({ rect, facts }) => {
        desk.overlay.invalidate(facts.length ? null : rect);
        desk.renderer.invalidate();
        this.keepReviews();
      });
      for (const name of ["saving", "changed", "ready"]) ui.on(name, () => ui.showSaved(desk));
      for (const name of ["tool", "selection"]) ui.on(name, () => ui.showHint(desk));
      ui.on("drawn", () => ui.showScale(desk));
      ui.on("tile-missing", ({ message }) => ui.notice(message, { kind: "bad" }));
      setInterval(() => this.keepCosts(), COSTS_MS);
      addEventListener("pagehide", () => this.keepCosts());
      addEventListener("beforeunload", (event) => {
        if (desk.autosave?.behind || desk.unkept.size) event.preventDefault(); // the browser asks
      });
      document.addEventListener("visibilitychange", () => document.hidden && this.keepCosts());
      const name = ui.byId("annotator");
      name.addEventListener("change", () => this.setName(name.value));
      name.addEventListener("keydown", (event) => event.key === "Enter" && desk.canvas.focus());
    }

    keepCosts() {
      const { desk } = this;
      if (!desk.autosave || desk.readOnly) return;
      desk.clock.tick();
      desk.autosave.keepState(desk.state);
    }

    // The name goes into file names, so it is made of letters, digits, dot, hyphen and underscore.
    setName(text) {
      const { desk } = this;
      const name = text
        .normalize("NFKD")
        .replace(/\p{M}/gu, "")
        .trim()
        .replace(/[^A-Za-z0-9._-]+/g, "-")
        .replace(/^[^A-Za-z0-9]+/, "")
        .slice(0, 40);
      if (text.trim() && !name)
        ui.notice("A name is made of the letters A to Z, digits, dots, hyphens and underscores.", { kind: "warn" });
      ui.byId("annotator").value = name || desk.annotator;
      ui.byId("who").classList.toggle("asking", !name && !desk.annotator);
      if (name && name !== desk.annotator) this.turn = this.turn.then(() => this.changeHands(name)).catch(ui.tell);
    }

    // What the one before drew is put away as when a scene is left.
    async changeHands(name) {
      const { desk } = this;
      desk.isReady = false;
      await this.leave();
      desk.annotator = name;
      ui.remember(desk.storage, NAME, name);
      if (!desk.scene) return;
      desk.reviews = new Map();
      await this.loadReviews();
      await this.work();
    }

    askName() {
      ui.byId("who").classList.add("asking");
      ui.byId("annotator").focus();
      ui.notice("Type your name, then Enter: it goes into the labels.", { seconds: 4 });
    }

    async openSource(source) {
      const { desk } = this;
      const items = ui.checkedQueue(await source.json("queue.json"));
      const pageKey = pageKeyOf(desk, source);
      const lastId = await ui.remembered(desk.storage, ui.placeOf(pageKey));
      await this.leave();
      Object.assign(desk, { source, items, scene: null, index: -1, pageKey });
      ui.byId("welcome").hidden = true;
      desk.reviews = new Map();
      this.queue.build();
      const last = items.findIndex((item) => item.id === lastId);
      await this.open(Math.max(0, last));
      if (!desk.annotator) this.askName();
      this.loadReviews();
      desk.server.flush();
    }

    step(by) {
      const { desk } = this;
      const next = desk.index + by;
      if (next < 0 || next >= desk.items.length)
        return ui.notice(by > 0 ? "That was the last item." : "This is the first item.", { seconds: 2 });
      return this.open(next);
    }

    afterReview() {
      const { desk } = this;
      const following = [...desk.items.keys()]
        .slice(desk.index + 1)
        .find((index) => !desk.reviews.get(desk.items[index].id));
      if (ui.unsent(desk)) ui.send(desk);
      if (following !== undefined) return this.open(following);
      const open = desk.items.filter((item) => !desk.reviews.get(item.id)).length;
      return ui.notice(
        open
          ? `${open} earlier ${open === 1 ? "item is" : "items are"} still open.`
          : "Every item is reviewed. Thank you.",
        { kind: "good" },
      );
    }

    // One item after the other, in the order they were asked for.
    open(index) {
      this.turn = this.turn.then(() => this.show(index)).catch(ui.tell);
      return this.turn;
    }

    async show(index) {
      const { desk } = this;
      const item = desk.items[index];
      desk.isReady = false;
      desk.settle();
      const same = desk.scene && desk.scene.scene_id === item.scene_id && desk.sceneKey === item.scene;
      if (!same) await this.leave();
      desk.index = index;
      ui.remember(desk.storage, ui.placeOf(desk.pageKey), item.id);
      if (same) {
        desk.clock.show(item.id, desk.state?.costs ?? {});
        ui.showItemWindow(desk, item);
      } else await ui.openImage(desk, item);
      desk.select([]);
      ui.showItem(desk);
      this.minimap.fit();
      this.queue.mark();
      ui.emit("shown-item");
      ui.emit("tool");
      if (same) return void (desk.isReady = Boolean(desk.editor));
      this.layers.open().catch(ui.tell);
      if (desk.annotator) await this.work();
    }

    async work() {
      const { desk } = this;
      desk.tools.polygon.draft = null;
      ui.dropOffers();
      await ui.openWork(desk);
      if (!desk.editor) return;
      desk.clock.show(desk.item.id, desk.state.costs);
      if (desk.state.draft?.length) {
        desk.setTool("polygon");
        desk.tools.polygon.open(desk.state.draft, true);
        ui.notice("Your open polygon is back.", { kind: "good", seconds: 4 });
      }
      ui.emit("tool");
      desk.isReady = true;
      ui.warmWand(desk.scene.bits);
    }

    // What was drawn is safe and on its way before another scene opens.
    async leave() {
      const { desk } = this;
      if (!desk.editor) return;
      desk.settle();
      this.keepCosts();
      if (ui.unsent(desk)) ui.send(desk);
      await desk.autosave.settled();
      this.putAway();
      Object.assign(desk, { map: null, editor: null, autosave: null, state: null, prelabels: [], focus: null });
      desk.selected.clear();
      desk.clock.show(null, {});
    }

    // What the browser cannot keep yet stays here and is tried again; all else is closed.
    putAway() {
      const { unkept, autosave, editor, state } = this.desk;
      if (!autosave.behind) return autosave.close();
      unkept.set(autosave.name, { autosave, editor, state });
      autosave.left = () => {
        unkept.delete(autosave.name);
        autosave.close();
      };
      return undefined;
    }

    // The scene once more, from what this browser kept of it.
    async reopen() {
      const { index } = this.desk;
      this.desk.scene = null;
      await this.open(index);
    }

    fit() {
      const { desk } = this;
      if (!desk.item?.window || this.fitted === desk.view.scale) desk.view.fitScene();
      else ui.showItemWindow(desk, desk.item);
      this.fitted = desk.view.scale;
    }

    keepReviews() {
      const { desk } = this;
      const known = JSON.stringify([...desk.reviews].filter(([, review]) => review));
      if (known === this.reviewsKept || !desk.annotator) return;
      this.reviewsKept = known;
      const key = [desk.pageKey, "", desk.annotator];
      desk.storage.write(["states"], (states) => states.put(JSON.parse(known), key)).catch(() => {});
    }

    async loadReviews() {
      const { desk } = this;
      const kept = await desk.storage.read("states", [desk.pageKey, "", desk.annotator]).catch(() => null);
      for (const [id, review] of kept ?? []) if (!desk.reviews.get(id)) desk.reviews.set(id, review);
      this.queue.mark();
    }

    async start() {
      const { desk } = this;
      ui.buildTools(desk);
      ui.buildClasses(desk);
      ui.buildHelp();
      ui.listenToFiles(desk);
      this.listen();
      const parts = { view: desk.view, renderer: desk.renderer, pyramid: () => desk.pyramid, item: () => desk.item };
      this.minimap = new ui.Minimap(ui.byId("minimap"), parts);
      desk.gestures = new ui.Gestures(desk.canvas, {
        view: desk.view,
        renderer: desk.renderer,
        tool: () => desk.tool(),
        contrast: (dx, dy) => desk.scene && desk.contrast.drag(dx, dy),
        pick: (point, more) => desk.pick(point, more),
        moved: (point) => ui.showCursor(desk, point),
      });
      ui.listenToKeys(desk);
      const probed = desk.server.probe();
      this.setName(await ui.remembered(desk.storage, NAME));
      await probed;
      await this.openSource(ui.source.ownFolder);
    }
  };

  // What this browser's work is kept under: the page's folder, whatever token the server gave it this time.
  function pageKeyOf(desk, source) {
    if (source.name !== "page") return `opened:${source.name}`;
    if (desk.server.there) return `store:${desk.server.store}`;
    return ui.folderKey();
  }
})();
