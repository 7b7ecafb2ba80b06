"use strict";
/* From pixels to the ground: longitude and latitude, lengths and areas on the WGS 84 ellipsoid. */
(() => {
  const Cerulean = (globalThis.Cerulean ??= {});
  const A = 6378137;
  const F = 1 / 298.257223563;
  const E2 = F * (2 - F);
  const E = Math.sqrt(E2);
  const RADIAN = Math.PI / 180;

  /** [longitude, latitude] of image coordinates [x, y]; null for a scene without georeference. */
  Cerulean.lonLat = (scene, [x, y]) => {
    const t = scene.crs ? scene.transform : null;
    return t ? [t[0] * x + t[1] * y + t[2], t[3] * x + t[4] * y + t[5]] : null;
  };

  /** Image coordinates [x, y] of a longitude and latitude. */
  Cerulean.imageXy = (scene, [lon, lat]) => {
    const [a, b, c, d, e, f] = scene.transform;
    const scale = a * e - b * d;
    const [dx, dy] = [lon - c, lat - f];
    return [(e * dx - b * dy) / scale, (a * dy - d * dx) / scale];
  };

  /** Square metres between the equator and a latitude, for a radian of longitude (Snyder 1987, eq. 3-12). */
  function zone(latitude) {
    const s = Math.sin(latitude * RADIAN);
    const b2 = A * A * (1 - E2);
    return (b2 / 2) * (s / (1 - E2 * s * s) + Math.log((1 + E * s) / (1 - E * s)) / (2 * E));
  }

  /** Square kilometres of one pixel of a row of a north-up scene. */
  Cerulean.pixelAreaKm2 = (scene, row) => {
    const [a, , , , e, f] = scene.transform;
    return (Math.abs(zone(f + e * row) - zone(f + e * (row + 1))) * Math.abs(a) * RADIAN) / 1e6;
  };

  /** Kilometres that a pixel measures down and across at a row. */
  Cerulean.pixelSizeKm = (scene, row) => {
    const [a, , , , e, f] = scene.transform;
    const latitude = (f + e * (row + 0.5)) * RADIAN;
    const w = 1 - E2 * Math.sin(latitude) ** 2;
    const down = (A * (1 - E2)) / w ** 1.5;
    const across = (A / Math.sqrt(w)) * Math.cos(latitude);
    return [(down * Math.abs(e) * RADIAN) / 1000, (across * Math.abs(a) * RADIAN) / 1000];
  };
})();
