"use strict";
// Tiles are decoded in workers, made from this page's own functions so that they also start on file://.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // The whole program of a worker, beside `decodeTile` and `paintSamples`. Only the constructor calls its text.
  function workerProgram() {
    const bytesOf = async ({ address, base64, file }) => {
      if (file) return new Uint8Array(await file.arrayBuffer());
      if (address) {
        const answer = await fetch(address);
        if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
        return new Uint8Array(await answer.arrayBuffer());
      }
      if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
      const text = atob(base64);
      const bytes = new Uint8Array(text.length);
      for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
      return bytes;
    };
    const tables = {}; // folder of a pyramid -> its stretch
    onmessage = async ({ data }) => {
      if (data.table) {
        tables[data.folder] = data.table;
        return;
      }
      try {
        const { width, height, samples } = data.place.samples ?? (await decodeTile(await bytesOf(data.place)));
        const picture = new ImageData(width, height);
        paintSamples(samples, tables[data.folder], new Uint32Array(picture.data.buffer));
        const bitmap = await createImageBitmap(picture);
        postMessage({ number: data.number, width, height, samples, bitmap, version: data.version }, [
          samples.buffer,
          bitmap,
        ]);
      } catch (error) {
        postMessage({ number: data.number, error: String(error.message ?? error) });
      }
    };
  }

  // A few workers with one queue. What is asked for last is decoded first: it is what the eye waits for.
  ui.Decoder = class Decoder {
    constructor(count = 2) {
      const program = [
        `const decodeTile = ${ui.decodeTile};`,
        `const paintSamples = ${ui.paintSamples};`,
        `(${workerProgram})();`,
      ].join("\n");
      this.address = URL.createObjectURL(new Blob([program], { type: "text/javascript" }));
      this.workers = Array.from({ length: count }, () => this.start());
      this.queue = [];
      this.number = 0;
    }

    start() {
      const worker = new Worker(this.address);
      const entry = { worker, job: null };
      worker.onmessage = ({ data }) => this.finish(entry, data);
      worker.onerror = (event) => this.finish(entry, { error: event.message || "the decoding worker stopped" });
      return entry;
    }

    setTable(folder, table) {
      for (const { worker } of this.workers) worker.postMessage({ folder, table });
    }

    // {width, height, samples, bitmap, version} of the picture at that place, painted with the folder's table.
    decode(place, folder, version) {
      return new Promise((resolve, reject) => {
        this.queue.push({ place, folder, version, resolve, reject, number: ++this.number });
        this.next();
      });
    }

    next() {
      for (const entry of this.workers) {
        if (entry.job || !this.queue.length) continue;
        entry.job = this.queue.pop();
        const { place, folder, version, number } = entry.job;
        entry.worker.postMessage({ place, folder, version, number });
      }
    }

    finish(entry, answer) {
      const job = entry.job;
      entry.job = null;
      if (job && answer.error) job.reject(new Error(answer.error));
      else if (job) job.resolve(answer);
      this.next();
    }
  };
})();
