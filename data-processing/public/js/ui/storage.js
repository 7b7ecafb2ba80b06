"use strict";
// What this browser keeps: IndexedDB with a snapshot a scene, the journal since, small states, what waits to be sent.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const NAME = "ceruleanml-annotation";
  const STORES = ["snapshots", "journal", "states", "outbox"];

  const settled = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });

  function openDatabase() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    return settled(request);
  }

  // Keys: [page, scene, annotator], the journal's also with the number of the entry.
  ui.Storage = class Storage {
    constructor() {
      this.database = null;
    }

    async open() {
      if (this.database) return;
      this.database = await openDatabase();
      this.database.onclose = () => (this.database = null); // the browser may close it; the next write opens it again
      this.database.onversionchange = ({ target }) => {
        target.close(); // a newer page waits for it
        this.database = null;
      };
      navigator.storage?.persist?.().catch(() => {}); // so that the browser does not clear it when space runs short
    }

    // Runs `work(stores)` in one transaction: all of it is kept or none. Raises where it cannot be kept. `atOnce` is
    // false where the work goes on when a request is answered.
    async write(names, work, atOnce = true) {
      await this.open();
      const transaction = this.database.transaction(names, "readwrite", { durability: "relaxed" });
      const done = new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error ?? new Error("the browser did not keep it"));
      });
      work(...names.map((name) => transaction.objectStore(name)));
      if (atOnce) transaction.commit(); // a page that closes now loses nothing that was asked for
      return done;
    }

    async read(name, key) {
      await this.open();
      return settled(this.database.transaction(name).objectStore(name).get(key));
    }

    // What the requests of `ask(stores)` bring, in one transaction: nobody writes between them.
    async readAtOnce(names, ask) {
      await this.open();
      const transaction = this.database.transaction(names);
      return Promise.all(ask(...names.map((name) => transaction.objectStore(name))).map(settled));
    }

    // All values whose keys begin with the parts of `key`, in order of keys.
    async readAll(name, key) {
      await this.open();
      const range = IDBKeyRange.bound(key, [...key, []]);
      return settled(this.database.transaction(name).objectStore(name).getAll(range));
    }
  };

  ui.journalRange = (key, last = []) => IDBKeyRange.bound([...key], [...key, last]);
})();
