"use strict";
// Saves to the server that `ceruleanml annotate serve` runs, where there is one: kept until it has them.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const WAITS = [2, 5, 15, 60]; // seconds between tries
  const TIME_LENGTH = "20201121T225759Z_".length; // what stands before the annotator in the name of a state
  const PATIENCE_MS = 20_000; // for an answer; a server that hangs is one that is not there
  const QUIET_MS = 45_000; // after the last change, then what was not sent goes by itself

  const nameOf = (entry) => `${entry.key} ${entry.at}`;

  async function answerOf(response) {
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    const error = new Error(body.error ?? `the server answers ${response.status}`);
    error.refused =
      response.status >= 400 && response.status < 500 && response.status !== 404 && response.status !== 429;
    throw error;
  }

  ui.annotatorOf = (name) => name.slice(TIME_LENGTH, -".geojson".length);

  ui.Server = class Server {
    constructor(desk) {
      Object.assign(this, { desk, there: false, store: "", waiting: 0, error: "", tries: 0, sending: null });
      this.refused = new Set(); // what the store did not want, as it was
      this.unkept = new Map(); // what the browser may not have kept
      addEventListener("online", () => this.flush());
      ui.on("changed", () => {
        clearTimeout(this.quiet);
        if (this.there) this.quiet = setTimeout(() => ui.unsent(desk) && ui.send(desk), QUIET_MS);
      });
    }

    async probe() {
      if (!ui.source.onWeb()) return;
      try {
        const hello = await answerOf(await fetch("api/hello", { cache: "no-store" }));
        this.there = hello.server === "ceruleanml";
        this.store = String(hello.store ?? "");
      } catch {
        this.there = false; // a plain web server: the page works alone
      }
    }

    async labels(sceneId, annotator) {
      const address = `api/labels/${encodeURIComponent(sceneId)}?annotator=${encodeURIComponent(annotator)}`;
      return answerOf(await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) }));
    }

    // Puts a scene's state into the outbox, where a newer one takes the place of an older, and sends what is there.
    async put(key, entry) {
      await this.desk.storage.write(["outbox"], (outbox) => outbox.put(entry, key)).catch(() => {});
      this.refused.clear();
      this.unkept.set(key.join(), entry); // sent even where the browser keeps nothing
      return this.flush();
    }

    async entries() {
      const { storage, pageKey } = this.desk;
      const kept = await storage.readAll("outbox", [pageKey]).catch(() => []);
      const newest = new Map(kept.map((entry) => [entry.key.join(), entry]));
      for (const [name, entry] of this.unkept) if (!(newest.get(name)?.at > entry.at)) newest.set(name, entry);
      return [...newest.values()];
    }

    flush() {
      this.sending ??= this.sendAll().finally(() => (this.sending = null));
      return this.sending;
    }

    async sendAll() {
      if (!this.there) return;
      clearTimeout(this.timer);
      for (;;) {
        const entries = (await this.entries()).filter((entry) => !this.refused.has(nameOf(entry)));
        this.waiting = entries.length;
        ui.emit("saving");
        if (!entries.length) return;
        if (!(await this.sendOne(entries[0]))) return;
      }
    }

    async sendOne(entry) {
      try {
        const [, sceneId] = entry.key;
        const response = await fetch(`api/labels/${encodeURIComponent(sceneId)}`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(entry.collection),
          signal: AbortSignal.timeout(PATIENCE_MS),
        });
        await this.sent(entry, await answerOf(response));
        return true;
      } catch (error) {
        return this.notSent(entry, error);
      }
    }

    async sent(entry, { file }) {
      const { desk } = this;
      [this.tries, this.error] = [0, ""];
      if (this.unkept.get(entry.key.join())?.at === entry.at) this.unkept.delete(entry.key.join());
      await desk.storage
        .write(
          ["outbox"],
          (outbox) => {
            const look = outbox.get(entry.key);
            look.onsuccess = () => look.result?.at === entry.at && outbox.delete(entry.key);
          },
          false,
        )
        .catch(() => {});
      if (desk.scene?.scene_id !== entry.key[1] || desk.annotator !== entry.key[2]) return;
      desk.state.sent = { file, seq: entry.seq };
      desk.autosave.keepState(desk.state);
    }

    // A refusal stays until the labels are other ones; all else is tried again, ever more slowly.
    notSent(entry, error) {
      this.error = error.refused ? `the store refuses it: ${error.message}` : "the server does not answer";
      if (error.refused) {
        this.refused.add(nameOf(entry));
        ui.notice(`The store refuses the labels of ${entry.key[1]}: ${error.message}`, { kind: "bad" });
        return true;
      }
      const wait = WAITS[Math.min(this.tries++, WAITS.length - 1)];
      this.timer = setTimeout(() => this.flush(), wait * 1000);
      ui.emit("saving");
      return false;
    }
  };

  // Whether the open scene holds changes that the store has not.
  ui.unsent = (desk) => {
    if (!desk.server.there || !desk.editor || desk.readOnly) return false;
    const known = desk.state.sent?.seq ?? 0;
    return desk.editor.seq !== known && (known > 0 || desk.map.instances.size > 0 || desk.map.facts.size > 0);
  };

  // Sends the scene as it is now.
  ui.send = (desk) => {
    if (!desk.server.there || !desk.editor || !desk.annotator || desk.readOnly) return;
    desk.settle();
    const key = [desk.pageKey, desk.scene.scene_id, desk.annotator];
    desk.server.put(key, { key, collection: ui.collectionOf(desk), seq: desk.editor.seq, at: Date.now() });
  };

  ui.markSent = (desk) => {
    if (!desk.server.there) return;
    desk.state.sent = { file: desk.state.basedOn.at(-1) ?? "", seq: desk.editor.seq };
    desk.autosave.keepState(desk.state);
  };
})();
