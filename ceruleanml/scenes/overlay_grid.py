"""The grid that an overlay is drawn on: a prepared scene's own pixels, else one of the grids of `make_grid`."""

from __future__ import annotations

from ceruleanml.errors import ContextError
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import Grid, make_grid
from ceruleanml.scenes.scene import Scene


def overlay_grid(scene: Scene, name: str | None = None, resolution_m: float | None = None) -> Grid:
    """The scene's own grid where that is upright in EPSG:4326 and nothing else is asked, else that of `make_grid`.

    Raises ContextError for a scene without georeference, and what `make_grid` raises.
    """
    if scene.georeference is None:
        raise ContextError(f"{scene.source}: has no georeference, on which no vector can be laid; give --georeference")
    own = scene.georeference
    if name is None and resolution_m is None and isinstance(own, AffineGeoreference) and _is_upright(own):
        return Grid("own", own.transform, scene.height_width)
    return make_grid(scene, name or "native", resolution_m)


def _is_upright(georeference: AffineGeoreference) -> bool:
    from pyproj import CRS

    t = georeference.transform
    north_up = not t.b and not t.d and t.a > 0 > t.e
    return north_up and CRS.from_user_input(georeference.crs).equals(CRS.from_epsg(4326), ignore_axis_order=True)
