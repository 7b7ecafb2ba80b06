"use strict";
/* PNG in: exact samples, row by row, without a canvas (which colour management and file:// would spoil). */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const MOST_SAMPLES = 2 ** 28;
  const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

  /**
   * The image in PNG bytes: {height, width, channels, bits, data}, data row by row, Uint16Array for 16 bits.
   * Gray, gray and alpha, RGB, RGBA of 8 or 16 bits, and palettes (which come back as RGBA of 8 bits), not interlaced.
   * InputError for anything else, and for damage.
   */
  Cerulean.decodePng = async (bytes) => {
    const head = Cerulean.pngHead(bytes);
    const samples = head.height * head.width * head.channels;
    if (samples > MOST_SAMPLES) Cerulean.refuse("The PNG is larger than fits in memory.");
    const data = head.bits === 16 ? new Uint16Array(samples) : new Uint8Array(samples);
    let at = 0;
    await Cerulean.readPngRows(bytes, head, (row) => {
      if (head.bits === 16) {
        for (let i = 0; i < row.length; i += 2) data[at++] = (row[i] << 8) | row[i + 1];
      } else {
        data.set(row, at);
        at += row.length;
      }
    });
    const { height, width, channels, bits } = head;
    return { height, width, channels, bits, data };
  };

  /** What a PNG says of itself: {height, width, bits, channels, colour, palette, chunks} without its pixels. */
  Cerulean.pngHead = (bytes) => {
    if (!SIGNATURE.every((value, i) => bytes[i] === value)) Cerulean.refuse("The file is no PNG image.");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const head = { palette: null, alphas: null, chunks: [] };
    for (let at = 8; at + 12 <= bytes.length;) {
      const length = view.getUint32(at);
      const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      if (at + 12 + length > bytes.length) damaged();
      const body = bytes.subarray(at + 8, at + 8 + length);
      if (kind === "IHDR" && length === 13) readHeader(head, view, at + 8, body);
      else if (kind === "PLTE") head.palette = body;
      else if (kind === "tRNS") head.alphas = body;
      else if (kind === "IDAT") head.chunks.push(body);
      else if (kind === "IEND") break;
      at += 12 + length;
    }
    if (!head.width || !head.chunks.length || (head.colour === 3 && !head.palette)) damaged();
    return head;
  };

  function readHeader(head, view, at, body) {
    const [bits, colour, , , interlaced] = body.subarray(8);
    const [width, height] = [view.getUint32(at), view.getUint32(at + 4)];
    const small = colour === 3 || colour === 0;
    if (interlaced || !(colour in CHANNELS) || !(bits === 8 || (bits === 16 && colour !== 3) || (small && bits < 8))) {
      Cerulean.refuse("The PNG is interlaced or of a kind that is not read; export it with 8 bits a channel.");
    }
    if (!width || !height || width * height > 2 ** 32) damaged();
    const stored = CHANNELS[colour] * bits;
    Object.assign(head, { width, height, colour, stored: bits, bits: bits === 16 ? 16 : 8 });
    Object.assign(head, { perPixel: Math.max(1, stored >> 3) });
    Object.assign(head, { channels: colour === 3 ? 4 : CHANNELS[colour], rowBytes: Math.ceil((width * stored) / 8) });
  }

  /** Calls `take(row bytes, row number)` for each row from the top; the bytes are good until the next call. */
  Cerulean.readPngRows = async (bytes, head, take) => {
    let [line, back] = [new Uint8Array(head.rowBytes + 1), new Uint8Array(head.rowBytes + 1)];
    const widens = head.colour === 3 || head.stored < 8;
    const wide = widens ? new Uint8Array(head.width * head.channels) : null;
    let [filled, row] = [0, 0];
    const inflated = new Blob(head.chunks).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    try {
      for (let part = await inflated.read(); !part.done && row < head.height; part = await inflated.read()) {
        for (let at = 0; at < part.value.length && row < head.height;) {
          const count = Math.min(line.length - filled, part.value.length - at);
          line.set(part.value.subarray(at, at + count), filled);
          filled += count;
          at += count;
          if (filled < line.length) continue;
          unfilter(line, back, head.perPixel);
          take(wide ? widened(line, head, wide) : line.subarray(1), row++);
          [line, back, filled] = [back, line, 0];
        }
      }
    } catch (error) {
      if (error instanceof Cerulean.InputError) throw error;
      damaged();
    }
    inflated.cancel().catch(() => {}); // what follows the last row is of no use
    if (row < head.height) damaged();
  };

  /** Undoes a row's filter in place (PNG specification, section 9); `back` is the row above with its own first byte. */
  function unfilter(line, back, step) {
    const kind = line[0];
    if (kind > 4) damaged();
    const first = 1 + step;
    if (kind === 1) for (let i = first; i < line.length; i++) line[i] += line[i - step];
    else if (kind === 2) for (let i = 1; i < line.length; i++) line[i] += back[i];
    else if (kind === 3) {
      for (let i = 1; i < line.length; i++) line[i] += ((i < first ? 0 : line[i - step]) + back[i]) >> 1;
    } else if (kind === 4) {
      for (let i = 1; i < line.length; i++) {
        const [a, b, c] = i < first ? [0, back[i], 0] : [line[i - step], back[i], back[i - step]];
        const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
        line[i] += pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      }
    }
  }

  /** Palette indices as RGBA, samples of less than 8 bits as bytes. */
  function widened(line, head, out) {
    const most = (1 << head.stored) - 1;
    for (let i = 0; i < head.width; i++) {
      const bit = i * head.stored;
      const value = (line[1 + (bit >> 3)] >> (8 - head.stored - (bit & 7))) & most;
      if (head.colour !== 3) out[i] = (value * 255) / most;
      else {
        for (let k = 0; k < 3; k++) out[4 * i + k] = head.palette[3 * value + k] ?? 0;
        out[4 * i + 3] = head.alphas?.[value] ?? 255;
      }
    }
    return out;
  }

  function damaged() {
    Cerulean.refuse("The PNG is cut short or damaged; export it again.");
  }
})();
