"use strict";
/* PNG out: rows are compressed as they come, so that a layer of a whole scene never stands in memory. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const COLOUR = { 1: 0, 2: 4, 3: 2, 4: 6 };
  const BATCH_BYTES = 1 << 20;

  /**
   * The bytes of a PNG of `channels` (1 gray, 2 gray and alpha, 3 RGB, 4 RGBA) of 8 or 16 `bits`; `row(number)` gives
   * the bytes of a row, or null for a row of zeros. With a `palette` of [red, green, blue, alpha] the one channel holds
   * indices of 1, 2, 4 or 8 bits.
   */
  Cerulean.encodePng = async ({ height, width, channels, bits, row, palette = null }) => {
    const compressor = new CompressionStream("deflate");
    const squeezed = new Response(compressor.readable).arrayBuffer();
    const writer = compressor.writable.getWriter();
    const line = 1 + Math.ceil((width * channels * bits) / 8);
    const rows = Math.max(1, Math.floor(BATCH_BYTES / line));
    for (let first = 0; first < height; first += rows) {
      const count = Math.min(rows, height - first);
      const batch = new Uint8Array(count * line);
      for (let r = 0; r < count; r++) {
        const given = row(first + r);
        if (given) batch.set(given, r * line + 1);
      }
      await writer.write(batch);
    }
    await writer.close();
    const head = new Uint8Array(13);
    const view = new DataView(head.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    head.set([bits, palette ? 3 : COLOUR[channels], 0, 0, 0], 8);
    return joined([
      Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
      chunk("IHDR", head),
      ...(palette ? [chunk("PLTE", Uint8Array.from(palette.flatMap((colour) => colour.slice(0, 3))))] : []),
      ...(palette ? [chunk("tRNS", Uint8Array.from(palette.map((colour) => colour[3])))] : []),
      chunk("IDAT", new Uint8Array(await squeezed)),
      chunk("IEND", new Uint8Array(0)),
    ]);
  };

  function chunk(kind, body) {
    const out = new Uint8Array(body.length + 12);
    const view = new DataView(out.buffer);
    view.setUint32(0, body.length);
    for (let i = 0; i < 4; i++) out[4 + i] = kind.charCodeAt(i);
    out.set(body, 8);
    view.setUint32(8 + body.length, Cerulean.crc32(out.subarray(4, 8 + body.length)));
    return out;
  }

  function joined(parts) {
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** CRC-32 as PNG and ZIP want it (ISO 3309). */
  Cerulean.crc32 = (bytes) => {
    let crc = -1;
    for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
    return ~crc >>> 0;
  };

  const TABLE = Int32Array.from({ length: 256 }, (_, i) => {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
})();
