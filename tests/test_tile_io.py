"""Tile files: what is written is what is read, here, by GDAL and by PIL, and damage is told."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from rasterio.io import MemoryFile

from ceruleanml.datasets.tile_io import encode_tile, read_tile
from ceruleanml.errors import DatasetError

PLACED = Affine(0.001, 0, 12.5, 0, -0.002, 45.25)
NAMES = ("vv", "infra_distance", "ship & density", "zeros", "full")
pixel_arrays = hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40)))


def random_pixels(bands, rows, cols):
    return np.random.Generator(np.random.PCG64(bands)).integers(0, 256, (bands, rows, cols)).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(pixel_arrays, st.sampled_from([None, "EPSG:4326"]), st.sampled_from([None, 0]))
def test_written_tiles_read_back_here_and_in_gdal(tmp_path_factory, pixels, crs, nodata):
    path = tmp_path_factory.getbasetemp() / "round_trip.tif"
    path.write_bytes(encode_tile(pixels, PLACED, crs, NAMES[: len(pixels)], nodata))
    assert np.array_equal(read_tile(path), pixels)
    with rasterio.open(path) as source:
        assert np.array_equal(source.read(), pixels)
        assert source.nodata == nodata
        assert source.descriptions == NAMES[: len(pixels)]
        assert (source.crs and source.crs.to_epsg()) == (4326 if crs else None)
        assert source.transform.almost_equals(PLACED)
        assert source.profile["interleave"] == "band" and source.profile["compress"] == "zstd"


@pytest.mark.parametrize(
    "transform",
    [PLACED, Affine(1, 0, 30, 0, 1, 7), Affine.rotation(30) @ PLACED],
    ids=["north up", "rows downwards", "rotated"],
)
def test_gdal_finds_the_transform(tmp_path, transform):
    path = tmp_path / "tile.tif"
    path.write_bytes(encode_tile(random_pixels(3, 8, 6), transform, None, NAMES[:3], None))
    with rasterio.open(path) as source:
        assert source.transform.almost_equals(transform)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_tile_without_any_place_is_a_plain_tiff(tmp_path):
    path = tmp_path / "tile.tif"
    path.write_bytes(encode_tile(random_pixels(1, 8, 6), None, None, ["vv"], None))
    with rasterio.open(path) as source:
        assert source.crs is None and source.gcps[0] == [] and source.transform == Affine.identity()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("bands", "shown"), [(1, [0, 0, 0]), (2, [0, 0, 0]), (3, [0, 1, 2]), (5, [0, 1, 2])])
def test_pil_shows_the_first_band_or_the_first_three(tmp_path, bands, shown):
    pixels = random_pixels(bands, 11, 7)
    path = tmp_path / "tile.tif"
    path.write_bytes(encode_tile(pixels, None, None, NAMES[:bands], None))
    with Image.open(path) as image:
        rgb = np.asarray(image.convert("RGB"))
    assert np.array_equal(rgb.transpose(2, 0, 1), pixels[shown])


def test_the_same_tile_gives_the_same_bytes():
    pixels = random_pixels(2, 30, 20)
    first = encode_tile(pixels, PLACED, "EPSG:4326", NAMES[:2], 0)
    assert encode_tile(np.asfortranarray(pixels), PLACED, "EPSG:4326", NAMES[:2], 0) == first


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("options", [
    {"driver": "GTiff", "compress": "deflate"},
    {"driver": "GTiff", "tiled": True, "blockxsize": 16, "blockysize": 16},
    {"driver": "GTiff", "compress": "zstd", "interleave": "pixel"},
    {"driver": "GTiff", "compress": "zstd", "predictor": 2, "interleave": "band"},
    {"driver": "GTiff", "interleave": "band", "blockysize": 50},
    {"driver": "PNG"},
], ids=str)  # fmt: skip
def test_other_files_are_read_through_gdal(tmp_path, options):
    pixels = random_pixels(3, 50, 40)
    path = tmp_path / "other.img"
    with MemoryFile() as memory:
        with memory.open(width=40, height=50, count=3, dtype="uint8", **options) as target:
            target.write(pixels)
        memory.seek(0)
        path.write_bytes(memory.read())
    assert np.array_equal(read_tile(path), pixels)


def test_a_tile_of_other_numbers_is_refused(tmp_path):
    path = tmp_path / "wide.tif"
    with rasterio.open(path, "w", driver="GTiff", width=4, height=4, count=1, dtype="uint16", transform=PLACED) as file:
        file.write(np.ones((1, 4, 4), np.uint16))
    with pytest.raises(DatasetError, match=r"wide.tif: tiles hold 8-bit pixels, this one has uint16"):
        read_tile(path)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_cut_and_every_flipped_pixel_byte_is_told(tmp_path_factory, data):
    pixels = random_pixels(2, 24, 24)
    whole = encode_tile(pixels, PLACED, "EPSG:4326", NAMES[:2], 0)
    path = tmp_path_factory.getbasetemp() / "damaged.tif"
    if data.draw(st.booleans(), "cut"):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 300), "length")])
    else:
        damaged = bytearray(whole)
        damaged[data.draw(st.integers(8, pixels.size), "place")] ^= data.draw(st.integers(1, 255), "flip")
        path.write_bytes(damaged)
    with pytest.raises(DatasetError, match="damaged.tif: the tile is truncated or corrupt; make the data set again"):
        read_tile(path)


def test_a_strip_that_promises_more_pixels_than_the_tile_is_corrupt(tmp_path):
    small = encode_tile(np.zeros((1, 10, 10), np.uint8), None, None, ["vv"], None)
    large = encode_tile(np.zeros((1, 5000, 5000), np.uint8), None, None, ["vv"], None)
    bomb = small[:8] + large[8:]  # its own directory is lost behind the large strip
    path = tmp_path / "bomb.tif"
    path.write_bytes(bomb)
    with pytest.raises(DatasetError, match="bomb.tif: the tile is truncated or corrupt"):
        read_tile(path)


def test_a_missing_tile_is_named(tmp_path):
    with pytest.raises(DatasetError, match="gone.tif: the tile cannot be read: No such file"):
        read_tile(tmp_path / "gone.tif")


@pytest.mark.parametrize(("pixels", "crs", "names", "message"), [
    (np.zeros((4, 4), np.uint8), None, ["vv"], "uint8 .bands, rows, columns., got uint8 .4, 4."),
    (np.zeros((1, 4, 4)), None, ["vv"], "got float64"),
    (np.zeros((2, 4, 4), np.uint8), None, ["vv"], "2 bands needs as many channel names, got 1"),
    (np.zeros((1, 4, 4), np.uint8), "EPSG:32640", ["vv"], "EPSG:4326 or without CRS, got EPSG:32640"),
])  # fmt: skip
def test_what_no_tile_can_hold_is_refused(pixels, crs, names, message):
    with pytest.raises(DatasetError, match=message):
        encode_tile(pixels, None, crs, names, None)
