"use strict";
// A ZIP of files that are compressed already (PNG): stored as they are, so that many layers are one file, out and in.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const LOCAL = 0x04034b50;
  const CENTRAL = 0x02014b50;
  const END = 0x06054b50;

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
        [4, Cerulean.crc32(bytes)],
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

  // The files of a ZIP whose parts are stored as they are, as the page writes it.
  ui.filesOfZip = async (file) => {
    const bytes = await Cerulean.readBytes(file);
    const view = new DataView(bytes.buffer);
    const refuse = () => Cerulean.refuse("The ZIP is damaged or compressed; unpack it and take the files in it.");
    let end = bytes.length - 22;
    while (end >= 0 && view.getUint32(end, true) !== END) end--;
    if (end < 0) refuse();
    const found = [];
    let at = view.getUint32(end + 16, true);
    for (let left = view.getUint16(end + 10, true); left > 0; left--) {
      if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL || view.getUint16(at + 10, true)) refuse();
      const [size, label] = [view.getUint32(at + 24, true), view.getUint16(at + 28, true)];
      const local = view.getUint32(at + 42, true);
      if (local + 30 > bytes.length) refuse();
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + size > bytes.length) refuse();
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + label));
      found.push(new File([bytes.subarray(start, start + size)], name));
      at += 46 + label + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    }
    return found;
  };
})();
