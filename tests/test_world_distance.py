"""The world's distance to infrastructure: against geodesics, over every edge, with any workers, after a kill."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from builds_made import build
from context_help import mapping, native_grid, whole, write_geojson
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes_made import NORTH, WEST

from ceruleanml.errors import ContextError, UsageError, WriteError
from ceruleanml.scenes import world_distance as module
from ceruleanml.scenes.context import parse_context
from ceruleanml.scenes.nearest import earth_centred
from ceruleanml.scenes.world_distance import infrastructure_points, world_distance
from ceruleanml.scenes.world_lattice import CAP_M, WorldLattice, tile_metres

GEOD = pyproj.Geod(ellps="WGS84")
SCRIPT = Path(__file__).parents[1] / "data-processing" / "world_infrastructure_distance.py"
BANDS = WorldLattice.of(0.02, (-180, 40, 180, 62))


def geodesic(points, longitudes, latitudes):
    """Metres to the nearest of all points, by brute force."""
    lon, lat = np.meshgrid(longitudes, latitudes)
    every = [GEOD.inv(np.full(lon.size, x), np.full(lon.size, y), lon.ravel(), lat.ravel())[2] for x, y in points]
    return np.min(every, axis=0).reshape(lon.shape)


def metres_of(points, longitudes, latitudes):
    points = np.array(points, dtype=np.float64)
    found = tile_metres(earth_centred(points[:, 0], points[:, 1]), longitudes, latitudes)
    return np.full((len(latitudes), len(longitudes)), CAP_M) if found is None else found.astype(np.float64)


def write_points(path, points):
    return write_geojson(path, *(mapping(shapely.Point(point)) for point in points))


def some_points(count=40, seed=3):
    chance = np.random.default_rng(seed)
    return np.stack([chance.uniform(-180, 180, count), chance.uniform(40, 62, count)], axis=1)


@settings(max_examples=40)
@given(
    west=st.sampled_from([-180.0, -0.4, 12.0, 178.9]),
    south=st.sampled_from([-90.0, -60.0, -0.5, 33.0, 88.9]),
    offsets=st.lists(st.tuples(st.floats(-0.6, 1.6), st.floats(-0.6, 1.6)), min_size=1, max_size=9),
)
def test_each_pixel_is_within_a_metre_of_the_geodesic(west, south, offsets):
    longitudes, latitudes = west + 0.05 * np.arange(21), south + 1.0 - 0.05 * np.arange(21)
    points = [((west + x + 180) % 360 - 180, min(max(south + y, -90), 90)) for x, y in offsets]
    exact = np.minimum(geodesic(points, longitudes, latitudes), CAP_M)
    assert np.abs(metres_of(points, longitudes, latitudes) - exact).max() <= 1.01


def test_the_antimeridian_and_the_poles_are_no_edges():
    at_180 = metres_of([(179.95, 10)], np.array([-179.95, 179.85]), np.array([10.0]))
    assert at_180[0, 0] == pytest.approx(at_180[0, 1], abs=1)
    over_pole = metres_of([(0.0, 89.9)], np.array([-180.0, 0, 90]), np.array([89.9]))
    assert over_pole[0] == pytest.approx([2 * 11_169, 0, 2**0.5 * 11_169], abs=3)


def test_far_from_every_point_there_is_no_tile():
    assert tile_metres(earth_centred(*np.array([[0.0], [0.0]])), np.array([10.0, 10.1]), np.array([0.1, 0.0])) is None


def test_the_lattice_covers_the_world_and_parts_of_it_share_its_pixels():
    world, part = WorldLattice.of(0.05), WorldLattice.of(0.05, (56.01, 20, 58, 24.02))
    assert world.height_width == (3600, 7200)
    assert world.tile_rows_cols == (8, 15)
    west, north = part.transform.c, part.transform.f
    assert (west, north) == pytest.approx((56.0, 24.05))
    col, row = ~world.transform @ (west, north)
    assert (round(col), round(row)) == (part.col, part.row)


@pytest.mark.parametrize("degrees", [0.0, 0.007, 2.0, float("nan"), -0.01, 1e-9])
def test_a_resolution_that_cannot_be_is_refused(degrees):
    with pytest.raises(UsageError, match="divide 180"):
        WorldLattice.of(degrees)


@pytest.mark.parametrize("bounds", [(10, 0, 5, 1), (0, 5, 1, 2), (-190, 0, 0, 1), (0, 0, 1, 91)])
def test_bounds_that_cannot_be_are_refused(bounds):
    with pytest.raises(UsageError, match="bounds"):
        WorldLattice.of(0.05, bounds)


def test_the_file_is_a_sparse_cog_of_metres(tmp_path):
    points = some_points()
    report = world_distance(points, tmp_path / "world.tif", WorldLattice.of(0.05))
    with rasterio.open(report.out) as file:
        assert (file.shape, file.crs, file.dtypes, file.nodata) == ((3600, 7200), "EPSG:4326", ("uint16",), CAP_M)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (file.descriptions, file.units) == (("infra_distance",), ("metre",))
        assert file.overviews(1)
        values = file.read(1)
    assert (values[2000:] == CAP_M).all()
    assert report.out.stat().st_size < values.nbytes / 100
    lattice = WorldLattice.of(0.05)
    lon, lat = lattice.longitudes_latitudes(lattice.tile(1, 3))
    rows, cols = slice(512, 1024), slice(1536, 2048)
    assert np.abs(values[rows, cols][::8, ::8] - np.minimum(geodesic(points, lon[::8], lat[::8]), CAP_M)).max() <= 1.01
    assert sorted(path.name for path in tmp_path.iterdir()) == ["world.tif"]


def test_workers_change_no_byte(tmp_path):
    for workers in (1, 2):
        world_distance(some_points(), tmp_path / f"{workers}.tif", BANDS, workers)
    assert (tmp_path / "1.tif").read_bytes() == (tmp_path / "2.tif").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from ceruleanml.scenes import world_distance as module
from ceruleanml.scenes.world_lattice import WorldLattice

tiles, real = [], module.tile_metres
def counted(*arguments):
    tiles.append(1)
    if len(tiles) == 40:  # the fourth tile of the second band
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)
module.tile_metres = counted
module.world_distance(np.load(sys.argv[1]), Path(sys.argv[2]), WorldLattice.of(0.02, (-180, 40, 180, 62)))
"""


def test_a_killed_run_goes_on_and_gives_the_same_bytes(tmp_path):
    points, out = some_points(), tmp_path / "world.tif"
    np.save(tmp_path / "points.npy", points)
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "points.npy", out], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob(".world.tif.*.parts/band_*.tif")] == ["band_00000.tif"]
    again = world_distance(points, out, BANDS)
    assert (again.bands, again.bands_now) == (3, 2)
    world_distance(points, tmp_path / "whole.tif", BANDS)
    assert out.read_bytes() == (tmp_path / "whole.tif").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["points.npy", "whole.tif", "world.tif"]


def test_the_script_tells_an_error_in_one_line(tmp_path):
    command = [sys.executable, SCRIPT, tmp_path / "no.geojson", "--out", tmp_path / "w.tif"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no.geojson: there is no such file" in done.stderr


def test_what_is_there_stays_and_something_else_is_refused(tmp_path):
    lattice, out = WorldLattice.of(0.1, (0, 40, 20, 50)), tmp_path / "world.tif"
    assert world_distance(np.array([[5.0, 45.0]]), out, lattice).bands_now == 1
    made = out.stat().st_mtime_ns
    assert world_distance(np.array([[5.0, 45.0]]), out, lattice).bands_now == 0
    with pytest.raises(ContextError, match="made from something else"):
        world_distance(np.array([[5.0, 45.1]]), out, lattice)
    assert out.stat().st_mtime_ns == made


def test_a_full_disk_leaves_nothing_behind_that_looks_whole(tmp_path, monkeypatch):
    def full(plain, target, **options):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "as_cog", full)
    with pytest.raises(WriteError, match="No space left"):
        world_distance(np.array([[5.0, 45.0]]), tmp_path / "w.tif", WorldLattice.of(0.1, (0, 40, 20, 50)))
    assert not (tmp_path / "w.tif").exists()
    assert not list(tmp_path.glob(".*.parts/whole.tif"))


def test_points_are_read_from_every_form_and_each_counts_once(tmp_path):
    single = write_points(tmp_path / "a.geojson", [(1, 2), (3, 4)])
    several = write_geojson(tmp_path / "b.geojson", mapping(shapely.MultiPoint([(3, 4), (-5, 6)])))
    assert infrastructure_points([str(single), str(several)]).tolist() == [[-5, 6], [1, 2], [3, 4]]
    beyond = write_points(tmp_path / "c.geojson", [(200, 4)])
    assert infrastructure_points([str(beyond)]).tolist() == [[-160, 4]]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([shapely.Point(1, 2).buffer(1)], "holds lines or polygons"),
        ([shapely.LineString([(0, 0), (1, 1)])], "holds lines or polygons"),
        ([], "no point in it"),
    ],
)
def test_what_holds_no_points_is_refused(tmp_path, shapes, message):
    with pytest.raises(ContextError, match=message):
        infrastructure_points([str(write_geojson(tmp_path / "a.geojson", *map(mapping, shapes)))])


def test_make_dataset_reads_it_as_it_reads_the_points(photopea):
    """Of the two channels, one is made from the points and one from the raster; 235 m are one step of 255."""
    near = [(WEST + 0.05, NORTH - 0.02), (WEST - 0.3, NORTH + 0.2)]
    points = write_points(photopea / "points.geojson", near)
    bounds = (WEST - 2, NORTH - 2, WEST + 2, NORTH + 2)
    world_distance(infrastructure_points([str(points)]), photopea / "world.tif", WorldLattice.of(0.005, bounds))
    tiles = {}
    for name in ("points.geojson", "world.tif"):
        build(photopea, out=name[:4], context=(parse_context(f"infra_distance={photopea / name}"),))
        found = sorted((photopea / name[:4] / "tiles").glob("*.tif"))
        tiles[name] = [rasterio.open(path).read(2).astype(int) for path in found]
    direct, read = (np.stack(tiles[name]) for name in ("points.geojson", "world.tif"))
    assert len(np.unique(direct)) > 5
    assert np.abs(direct - read).max() <= 3
    assert np.abs(direct - read).mean() < 0.5


def test_the_raster_at_the_world_s_edges_is_read_to_the_edge(tmp_path):
    points = np.array([[-179.9, -16.0], [179.9, -17.0]])
    lattice = WorldLattice.of(0.01, (-180, -20, 180, -14))
    world_distance(points, tmp_path / "w.tif", lattice)
    for west in (-180.0, 179.0):
        grid = native_grid(400, (250, 240), west=west, north=-15.9)
        exact = geodesic(points, grid.longitudes[::10], grid.latitudes(0, 250)[::10])
        found = whole(f"infra_distance={tmp_path / 'w.tif'}", grid)[::10, ::10]
        assert np.abs(found - np.minimum(exact * 255 / 60_000, 255)).max() <= 4
