"use strict";
// Autosave: each change goes into IndexedDB as it is made, and what cannot be kept is said at once.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const PART_MS = 150; // pieces of a running stroke are written together
  const RETRY_MS = 5000;
  const FOLD_AFTER = 400; // journal entries, then they are folded into a snapshot

  ui.Autosave = class Autosave {
    // `key`: [page, scene, annotator]. `changed()` is called when what is known of saving changes.
    constructor(storage, key, changed) {
      Object.assign(this, { storage, key, changed, name: key.join(" ") });
      this.pending = [];
      this.small = null; // the scene's small state, where it waits to be written
      this.entries = 0;
      this.state = "saved";
      this.time = null;
      this.error = "";
      this.running = null;
      this.closed = false;
    }

    // What is kept of the scene: {snapshot, entries, state}; entries are the changes since the snapshot.
    async recover() {
      // At once: another window that folds between two reads would leave neither the journal nor its snapshot.
      const [snapshot, entries, state] = await this.storage.readAtOnce(
        ["snapshots", "journal", "states"],
        (snapshots, journal, states) => [
          snapshots.get(this.key),
          journal.getAll(ui.journalRange(this.key)),
          states.get(this.key),
        ],
      );
      this.entries = entries.length;
      return { snapshot, entries, state };
    }

    // The same for a scene of that size. What was drawn on a copy of another size stays where it is: from then on this
    // one's work lies beside it, and `apart` says so.
    async recoverOf(size) {
      const found = await this.recover();
      if (Autosave.fits(found, size)) return { ...found, apart: false };
      this.key = [this.key[0], `${this.key[1]} of ${size.join(" x ")}`, this.key[2]];
      return { ...(await this.recover()), apart: true };
    }

    // Keeps the editor's journal from now on.
    follow(editor) {
      this.editor = editor;
      editor.onJournal((entry) => {
        this.pending.push(entry);
        this.entries++;
        this.soon(entry.kind === "part" && editor.running ? PART_MS : 0);
      });
    }

    // Keeps the scene's small state (times, clicks, an open polygon) beside the journal.
    keepState(value, delay = 0) {
      this.small = value;
      this.soon(delay);
    }

    soon(delay) {
      if (this.state === "saved") this.state = "saving";
      if (!delay) {
        clearTimeout(this.timer);
        this.timer = null;
        this.flush();
      } else
        this.timer ??= setTimeout(() => {
          this.timer = null;
          this.flush();
        }, delay);
      this.changed();
    }

    // Writes what waits; each transaction is asked for at once.
    async flush() {
      const { pending, small } = this;
      if (this.closed) return; // another window keeps the scene now
      if (!pending.length && small === null) return;
      [this.pending, this.small] = [[], null];
      const write = this.storage.write(["journal", "states"], (journal, states) => {
        for (const entry of pending) journal.put(entry, [...this.key, entry.seq]);
        if (small !== null) states.put(small, this.key);
      });
      this.running = write;
      try {
        await write;
        if (this.running === write) this.saved();
      } catch (error) {
        this.failed(error, pending, small);
      }
    }

    saved() {
      const waits = this.pending.length || this.small !== null;
      if (this.state === "failed" && waits) return void this.flush(); // a write before this one failed
      if (waits) return; // more was drawn meanwhile, and its timer runs
      this.state = "saved";
      this.error = "";
      this.time = new Date();
      this.changed();
      if (this.left) return void this.left();
      if (this.entries > FOLD_AFTER && !this.editor?.running && !this.closed) this.fold();
    }

    // Nothing is dropped: what could not be written goes back to the front and is tried again.
    failed(error, pending, small) {
      this.pending = [...pending, ...this.pending];
      this.small ??= small;
      this.state = "failed";
      this.error =
        error?.name === "QuotaExceededError" ? "this browser's storage is full" : String(error?.message ?? error);
      this.changed();
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.flush(), RETRY_MS);
    }

    // Resolves when no write is under way, kept or not; one that ends may begin another.
    async settled() {
      for (let seen = null; seen !== this.running; ) {
        seen = this.running;
        await seen.catch(() => {});
      }
    }

    // Replaces the journal by a snapshot, in one transaction.
    async fold() {
      if (this.closed) return;
      const snapshot = Cerulean.snapshot(this.editor);
      const last = snapshot.seq;
      this.entries = 0;
      try {
        await this.storage.write(["journal", "snapshots"], (journal, snapshots) => {
          snapshots.put(snapshot, this.key);
          journal.delete(ui.journalRange(this.key, last));
        });
      } catch {
        // the journal is still there and says the same
      }
    }

    // Whether something was drawn that the browser could not keep yet.
    get behind() {
      return this.state === "failed" && this.pending.length > 0 && !this.closed;
    }

    // Whether what is kept was drawn on a scene of that size; the pixels of another are not this one's.
    static fits({ snapshot, state }, size) {
      const known = snapshot ? [snapshot.height, snapshot.width] : state?.size;
      return !known || known.join() === size.join();
    }

    close() {
      this.closed = true;
      this.release?.();
      clearTimeout(this.retry);
    }
  };
})();
