"use strict";
// A gray PNG of 8 or 16 bits to its exact samples, as one function that stands alone: the worker is made of its text.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});

  // {width, height, samples} of the bytes; raises an Error in one sentence for any other kind of file.
  ui.decodeTile = async function decodeTile(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const refuse = (why) => {
      throw new Error(`a tile ${why}; prepare the page again`);
    };

    function unfilter(rows, stride, height, step) {
      for (let row = 0; row < height; row++) {
        const start = row * (stride + 1) + 1;
        const end = start + stride;
        const above = row ? stride + 1 : 0; // how far back the row above lies
        const kind = rows[start - 1];
        if (kind === 1) for (let i = start + step; i < end; i++) rows[i] += rows[i - step];
        else if (kind === 2 && above) for (let i = start; i < end; i++) rows[i] += rows[i - above];
        else if (kind === 3) {
          for (let i = start; i < end; i++)
            rows[i] += ((i < start + step ? 0 : rows[i - step]) + (above ? rows[i - above] : 0)) >> 1;
        } else if (kind === 4) {
          for (let i = start; i < end; i++) {
            const a = i < start + step ? 0 : rows[i - step];
            const b = above ? rows[i - above] : 0;
            const c = above && i >= start + step ? rows[i - above - step] : 0;
            const left = Math.abs(b - c);
            const up = Math.abs(a - c);
            const both = Math.abs(a + b - 2 * c);
            rows[i] += left <= up && left <= both ? a : up <= both ? b : c;
          }
        } else if (kind > 4) refuse("is damaged");
      }
    }

    function gathered(rows, width, height, deep) {
      const samples = deep ? new Uint16Array(width * height) : new Uint8Array(width * height);
      const stride = width * (deep ? 2 : 1);
      for (let row = 0; row < height; row++) {
        const start = row * (stride + 1) + 1;
        if (!deep) samples.set(rows.subarray(start, start + stride), row * width);
        else
          for (let i = 0; i < width; i++)
            samples[row * width + i] = (rows[start + 2 * i] << 8) | rows[start + 2 * i + 1];
      }
      return samples;
    }

    if (bytes.length < 45 || view.getUint32(0) !== 0x89504e47 || view.getUint32(12) !== 0x49484452) refuse("is no PNG");
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    const [bits, colour, interlaced] = [bytes[24], bytes[25], bytes[28]];
    if (colour !== 0 || (bits !== 8 && bits !== 16) || interlaced) refuse("is no plain gray PNG of 8 or 16 bits");
    if (!width || !height || width * height > 2 ** 24) refuse("has an impossible size");
    const chunks = [];
    for (let at = 33; at + 12 <= bytes.length; at += 12 + view.getUint32(at))
      if (view.getUint32(at + 4) === 0x49444154) chunks.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
    const stride = (width * bits) / 8;
    const rows = new Uint8Array((stride + 1) * height);
    let filled = 0;
    const reader = new Blob(chunks).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    for (let part = await reader.read(); !part.done && filled < rows.length; part = await reader.read()) {
      const piece = part.value.subarray(0, rows.length - filled);
      rows.set(piece, filled);
      filled += piece.length;
    }
    if (filled < rows.length) refuse("is cut short");
    unfilter(rows, stride, height, bits / 8);
    return { width, height, samples: gathered(rows, width, height, bits === 16) };
  };
})();
