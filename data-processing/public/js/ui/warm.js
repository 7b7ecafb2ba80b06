"use strict";
// The wand tried on made-up water while nobody does anything: its code is compiled by use, and the first press of a
// page would take four times as long as the others.
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const ui = (Cerulean.ui ??= {});
  const [SIDE, PRESSES] = [96, 12];
  let asked = false;

  // Once a page: a few presses, each in an idle moment of its own, on samples of the scene's own depth.
  ui.warmWand = (bits) => {
    if (asked) return;
    asked = true;
    const samples = water(bits === 16 ? Uint16Array : Uint8Array);
    let left = PRESSES;
    const press = () => {
      new Cerulean.Wand(samples, [SIDE / 2, SIDE / 2]).at();
      if (--left) requestIdleCallback(press);
    };
    requestIdleCallback(press);
  };

  // Speckled water with a dark bar in its middle.
  function water(Type) {
    const data = new Type(SIDE * SIDE);
    for (let i = 0; i < data.length; i++) {
      const [row, col] = [Math.floor(i / SIDE) - SIDE / 2, (i % SIDE) - SIDE / 2];
      const speckle = 60 + ((Math.imul(i, 2654435761) >>> 24) % 60);
      data[i] = Math.abs(row) < 6 && Math.abs(col) < 36 ? speckle / 2 : speckle;
    }
    return { row: 0, col: 0, height: SIDE, width: SIDE, data, nodata: 0 };
  }
})();
