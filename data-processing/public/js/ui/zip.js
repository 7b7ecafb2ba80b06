"use strict";
// A ZIP of files that are compressed already (PNG): stored as they are, so that many layers come as one download.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const LOCAL = 0x04034b50;
  const CENTRAL = 0x02014b50;
  const END = 0x06054b50;

  const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
    let value = start;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });

  // CRC-32 of the ZIP specification.
  function crc32(bytes) {
    let crc = 0xffffffff;
    for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
    return (crc ^ 0xffffffff) >>> 0;
  }

  // Little-endian numbers: [[bytes, value], …].
  function packed(fields) {
    const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const [size, value] of fields) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += size;
    }
    return bytes;
  }

  // The bytes of a ZIP as a Blob, of [{name, bytes}] with plain ASCII names.
  ui.zipOf = (files) => {
    const [parts, central] = [[], []];
    let offset = 0;
    for (const { name, bytes } of files) {
      const label = new TextEncoder().encode(name);
      const common = [
        [2, 20],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0x21],
        [4, crc32(bytes)],
        [4, bytes.length],
        [4, bytes.length],
        [2, label.length],
        [2, 0],
      ];
      parts.push(packed([[4, LOCAL], ...common]), label, bytes);
      central.push(packed([[4, CENTRAL], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), label);
      offset += 30 + label.length + bytes.length;
    }
    const size = central.reduce((sum, part) => sum + part.length, 0);
    const count = files.length;
    const end = packed([
      [4, END],
      [2, 0],
      [2, 0],
      [2, count],
      [2, count],
      [4, size],
      [4, offset],
      [2, 0],
    ]);
    return new Blob([...parts, ...central, end], { type: "application/zip" });
  };
})();
