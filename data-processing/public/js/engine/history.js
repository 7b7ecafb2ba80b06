"use strict";
/* Undo and redo without limit, and the journal that autosave keeps: the part of an Editor that knows no tool.
 *
 * Journal entries, each with a rising `seq`: {kind: "part", …} as a running action grows, {kind: "commit"},
 * {kind: "cancel"}, {kind: "undo"}, {kind: "redo"}. A stroke that a crash cut off is kept when the journal is read.
 */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});

  Cerulean.History = class History {
    constructor(map) {
      this.map = map;
      this.done = [];
      this.undone = [];
      this.running = null;
      this.depth = 0;
      this.seq = 0;
      this.changeListeners = new Set();
      this.journalListeners = new Set();
    }

    get canUndo() {
      return !this.running && this.done.length > 0;
    }

    get canRedo() {
      return !this.running && this.undone.length > 0;
    }

    /** What the next undo takes back, in words; "" for nothing. */
    get undoName() {
      return this.done.at(-1)?.name ?? "";
    }

    get redoName() {
      return this.undone.at(-1)?.name ?? "";
    }

    /** Tells `listener({name, rect, ids, facts, direction})` of each change; call what comes back to stop. */
    onChange(listener) {
      this.changeListeners.add(listener);
      return () => this.changeListeners.delete(listener);
    }

    /** Hands each journal entry to `listener`; call what comes back to stop. */
    onJournal(listener) {
      this.journalListeners.add(listener);
      return () => this.journalListeners.delete(listener);
    }

    /** Starts an action that holds everything up to `commit()` or `cancel()`. */
    begin(name) {
      if (this.running) throw new Error(`${this.running.name} is still running`);
      this.running = new Cerulean.Action(name, this.map);
      this.seqBefore = this.seq;
    }

    /** Closes the running action as the journal says it was closed, without telling anyone. */
    closeQuietly() {
      if (!this.running) return;
      if (!this.running.empty) {
        this.done.push(this.running.plain());
        this.undone = [];
      }
      this.running = null;
    }

    /** Takes the running action back without telling anyone. */
    cancelQuietly() {
      if (this.running) Cerulean.applyAction(this.map, this.running.plain(), true);
      this.running = null;
    }

    /** Runs `change(action)` as one action, or as a part of the running one, and returns its result. */
    act(name, change) {
      if (this.depth) return change(this.running); // a call within a call
      const alone = !this.running;
      if (alone) this.begin(name);
      const from = this.running.runs.length;
      this.depth++;
      let result;
      try {
        result = change(this.running);
      } catch (error) {
        this.depth--;
        this.cancel();
        throw error;
      }
      this.depth--;
      this.#tell(from);
      if (alone) this.commit();
      return result;
    }

    /** Ends the running action; null where it changed nothing, else its name. */
    commit() {
      const action = this.running;
      if (!action) return null;
      const from = action.runs.length;
      this.settle(action);
      this.#tell(from);
      this.running = null;
      if (action.empty) return null;
      this.done.push(action.plain());
      this.undone = [];
      this.#journal({ kind: "commit" });
      return action.name;
    }

    /** Takes back what the running action did so far. */
    cancel() {
      const action = this.running;
      if (!action) return;
      this.running = null;
      if (action.empty) return;
      const plain = action.plain();
      Cerulean.applyAction(this.map, plain, true);
      this.#journal({ kind: "cancel" });
      this.#announce(plain, "undo");
    }

    /** Takes back the last action: {name, ids, rect}, null where there is none (or one is running). */
    undo() {
      return this.canUndo ? this.#step(this.done, this.undone, true, "undo") : null;
    }

    /** Does again what the last undo took back: {name, ids, rect}, or null. */
    redo() {
      return this.canRedo ? this.#step(this.undone, this.done, false, "redo") : null;
    }

    /** Called before an action is closed; an Editor overrides it. */
    settle() {}

    #step(from, to, backwards, kind) {
      const action = from.pop();
      Cerulean.applyAction(this.map, action, backwards);
      to.push(action);
      this.#journal({ kind });
      return this.#announce(action, kind);
    }

    /** Tells listeners and the journal what the running action has changed since they heard of it. */
    #tell(from) {
      const action = this.running;
      const part = action.plain(from);
      const state = JSON.stringify([part.records, part.facts]);
      if (!part.runs.length && state === (action.state ?? "[[],[]]")) return;
      action.state = state;
      this.#journal({ kind: "part", ...part });
      this.#announce(part, "do");
    }

    #journal(entry) {
      entry.seq = ++this.seq;
      for (const listener of this.journalListeners) listener(entry);
    }

    #announce(action, direction) {
      const reach = { name: action.name, ...Cerulean.reachOf(action, this.map) };
      for (const listener of this.changeListeners) listener({ ...reach, direction });
      return reach;
    }
  };
})();
