"""The real slick off Cape Hatteras, drawn on the page's grid, through import and make-dataset: the same pixels."""

import numpy as np
import pytest
from imports_made import only, take
from label_states import save, write
from shapely.geometry import LineString
from test_real_data import HATTERAS_SLICK

from ceruleanml.annotation.importing_frames import Frames, SceneFrame, frames_of
from ceruleanml.annotation.importing_shapes import geometry_json, mask_outline, on_ground
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import make_grid
from ceruleanml.scenes.reading import open_scene


@pytest.mark.parametrize("grid_name", ["native", "serving"])
def test_the_slick_of_hatteras_comes_through_pixel_by_pixel(shared_data, tmp_path, grid_name):
    path = shared_data / "hatteras" / "iw-vv.tiff"
    scene = open_scene(str(path))
    grid = make_grid(scene, grid_name)
    drawn = painted(scene, grid)
    assert 50 < np.count_nonzero(drawn) < 5000
    place = AffineGeoreference(grid.transform, "EPSG:4326")
    outline = on_ground(mask_outline(0, 0, drawn), lambda xy: place.lon_lat(xy[:, ::-1]), affine=True)
    slick = {"class": "recent_vessel", "slick_id": "iw-vv/ann/1"}
    content = save({"type": "Feature", "properties": slick, "geometry": geometry_json(outline)}, scene_id="iw-vv")
    page = SceneFrame("iw-vv", grid.height_width, place, "page")
    for frames in (frames_of([str(path)]), Frames({"iw-vv": page})):
        assert only(take(tmp_path, write(tmp_path / "export.geojson", content), frames=frames)).notes == ()
    options = BuildOptions(labels=str(tmp_path / "store"), grid=grid_name, empty_tiles=0)
    assert make_dataset([str(path)], tmp_path / "out", options).failed == {}
    np.testing.assert_array_equal(assembled(tmp_path / "out", grid.height_width), drawn)


def painted(scene, grid):
    """A brush of two image pixels along the slick, on the grid."""
    from rasterio.features import rasterize

    line = np.array([(row + 0.5, col + 0.5) for row, col in HATTERAS_SLICK])
    on_grid = grid.row_col(scene.georeference.lon_lat(line))
    stroke = LineString(on_grid[:, ::-1]).buffer(1.2)
    return rasterize([(stroke, 1)], out_shape=grid.height_width, all_touched=True, dtype="uint8").astype(bool)


def assembled(folder, height_width):
    """The labelled pixels of all tiles, on the whole grid."""
    dataset = open_dataset(folder)
    found = np.zeros(height_width, bool)
    for tile in dataset.tiles:
        window = tile.window
        part = found[window.row : window.row + window.height, window.col : window.col + window.width]
        part |= dataset.mask(tile)[: part.shape[0], : part.shape[1]] > 0
    return found
