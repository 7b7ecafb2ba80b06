"""The page's pixels: they are make-dataset's, tile by tile and level by level, and exact in their PNG files."""

import io

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from safe_product import make_safe
from scenes_made import pixels, write_tiff

from ceruleanml.annotation.png import gray_png
from ceruleanml.annotation.pyramid import TILE_PX, halved, level_sizes, stretch_of, write_pyramid
from ceruleanml.annotation.strips import GridStrips
from ceruleanml.annotation.wide import wide_reader
from ceruleanml.errors import SceneError
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import make_grid
from ceruleanml.scenes.prepared import PreparedScene
from ceruleanml.scenes.reading import open_scene
from ceruleanml.scenes.scene import Radiometry, Scene

grays = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40))
)


@given(grays)
def test_a_png_reads_back_bit_by_bit(image):
    opened = Image.open(io.BytesIO(gray_png(image)))
    assert opened.mode == ("L" if image.dtype == np.uint8 else "I;16")
    assert np.array_equal(np.asarray(opened), image)


# ---- the pyramid


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        ((1, 1), [(1, 1)]),
        ((512, 512), [(512, 512)]),
        ((513, 100), [(513, 100), (257, 50)]),
        ((1500, 2049), [(1500, 2049), (750, 1025), (375, 513), (188, 257)]),
    ],
)
def test_levels_halve_until_one_tile_holds_all(size, levels):
    assert level_sizes(size) == levels


def test_a_coarser_pixel_is_the_mean_of_the_valid_ones():
    image = np.array([[10, 20, 0, 0, 5], [30, 41, 0, 7, 0], [1, 2, 3, 4, 9]], np.uint8)
    assert halved(image, 0).tolist() == [[25, 7, 5], [2, 4, 9]]
    assert halved(image, None).tolist() == [[25, 2, 3], [2, 4, 9]]
    assert halved(np.full((2, 2), 65535, np.uint16), 0).tolist() == [[65535]]


@given(grays, st.sampled_from([0, None]))
def test_halving_is_the_mean_however_odd_the_size(image, nodata):
    height, width = image.shape
    for row, col in np.ndindex((height + 1) // 2, (width + 1) // 2):
        block = image[2 * row : 2 * row + 2, 2 * col : 2 * col + 2].astype(int)
        valid = block[block > 0] if nodata == 0 else block.ravel()
        mean = int(np.floor(valid.mean() + 0.5)) if len(valid) else 0
        assert halved(image, nodata)[row, col] == mean


def written(image, nodata=0):
    """Every tile of an image by (level, row, column), and the counts."""
    tiles, asked = {}, []

    def rows(start, stop):
        asked.append((start, stop))
        return image[start:stop]

    def put(level, row, col, pixels):
        assert (level, row, col) not in tiles
        tiles[level, row, col] = pixels.copy()

    counts = write_pyramid(rows, image.shape, nodata, put)
    assert asked == sorted(set(asked))
    return tiles, counts


def level_of(tiles, level):
    """The image of a level, joined from its tiles."""
    rows = 1 + max(row for at, row, _ in tiles if at == level)
    cols = 1 + max(col for at, _, col in tiles if at == level)
    return np.block([[tiles[level, row, col] for col in range(cols)] for row in range(rows)])


def test_tiles_join_to_the_levels():
    image = np.random.default_rng(0).integers(0, 900, (1300, 1027), dtype=np.uint16)
    tiles, counts = written(image)
    expected = image
    for level, size in enumerate(level_sizes(image.shape)):
        assert expected.shape == size
        assert np.array_equal(level_of(tiles, level), expected)
        expected = halved(expected, 0)
    assert {tile.shape for tile in tiles.values()} <= {
        (height, width) for height in (512, 276, 138, 325) for width in (512, 3, 2, 257)
    }
    assert len(counts) == 65536
    assert counts[0] == 0
    assert np.array_equal(counts[1:900], np.bincount(image.ravel(), minlength=900)[1:])


@pytest.mark.parametrize(
    ("image", "nodata", "stretch"),
    [
        (np.arange(1000, dtype=np.uint16).reshape(10, 100), None, (4, 994)),
        (np.full((9, 9), 7, np.uint8), 0, (6, 7)),
        (np.zeros((9, 9), np.uint8), 0, (0, 255)),
        (np.zeros((9, 9), np.uint8), None, (0, 1)),
    ],
)
def test_the_stretch_spans_the_valid_pixels(image, nodata, stretch):
    assert stretch_of(written(image, nodata)[1]) == stretch


# ---- on the grid


class Numbers:
    """A reader of an array that counts how often each row is read."""

    def __init__(self, image):
        self.image, self.read = image, np.zeros(len(image), int)

    def rows(self, start, stop, factor=1):
        assert factor == 1
        self.read[start:stop] += 1
        return self.image[start:stop]


def turned(height_width, degrees, flip=1):
    """A scene whose rows run across the grid's, as an orbit's do; with flip -1 from south to north."""
    image = np.random.default_rng(1).integers(1, 65536, height_width, dtype=np.uint16)
    transform = Affine.translation(10, 40) @ Affine.rotation(degrees) @ Affine.scale(1e-4, -1e-4 * flip)
    place = AffineGeoreference(transform, "EPSG:4326")
    reader = Numbers(image)
    return Scene("s", "s", height_width, place, 0, "vv", Radiometry(), reader, ("s",)), reader


@pytest.mark.parametrize("flip", [1, -1])
@pytest.mark.parametrize("degrees", [0, -12, 12, 80])
def test_strips_are_the_warped_image_and_read_each_row_once(degrees, flip):
    scene, reader = turned((1400, 900), degrees, flip)
    grid = make_grid(scene)
    strips = GridStrips(scene, grid, reader, "uint16")
    found = [
        strips.rows(start, min(start + TILE_PX, grid.height_width[0]))
        for start in range(0, grid.height_width[0], TILE_PX)
    ]
    longitudes, latitudes = grid.longitudes, grid.latitudes(0, grid.height_width[0])
    rows, cols = (np.floor(at + 1e-10).astype(int) for at in scene.georeference.source_row_col(longitudes, latitudes))
    inside = (rows >= 0) & (rows < 1400) & (cols >= 0) & (cols < 900)
    expected = np.where(inside, reader.image[np.clip(rows, 0, 1399), np.clip(cols, 0, 899)], 0)
    assert np.array_equal(np.concatenate(found), expected)
    assert reader.read.max() == 1


@pytest.mark.parametrize(("name", "resolution"), [("native", None), ("native", 400.0), ("serving", None)])
def test_eight_bits_are_those_of_make_dataset(tmp_path, name, resolution):
    scene = open_scene(str(write_tiff(tmp_path / "s.tif", pixels(3, (1100, 700)))))
    grid = make_grid(scene, name, resolution)
    height, width = grid.height_width
    expected = np.zeros((1, height, width), np.uint8)
    PreparedScene(scene, grid).fill(expected, 0)
    strips = GridStrips(scene, grid, scene.reader, "uint8")
    found = np.concatenate([strips.rows(at, min(at + TILE_PX, height)) for at in range(0, height, TILE_PX)])
    assert np.array_equal(found, expected[0])


# ---- sixteen bits


@pytest.mark.parametrize("nodata", [None, 0, 9])
def test_sixteen_bits_are_the_source_numbers(tmp_path, nodata):
    image = np.random.default_rng(2).integers(-5, 70_000, (40, 50), dtype=np.int32)
    image[3, 4] = 9
    location = str(write_tiff(tmp_path / "s.tif", image, nodata=nodata))
    scene = open_scene(location)
    found = wide_reader(location, scene, None).rows(0, 40)
    expected = np.clip(image, 0, 65535)
    if nodata == 9:
        expected[image == 9] = 0
    assert found.dtype == np.uint16
    assert np.array_equal(found, expected)
    assert np.array_equal(np.minimum(found, 255), scene.reader.rows(0, 40))


def test_sixteen_bits_are_averaged_as_eight_are(tmp_path):
    image = np.random.default_rng(2).integers(0, 250, (40, 50), dtype=np.uint16)
    location = str(write_tiff(tmp_path / "s.tif", image))
    scene = open_scene(location)
    assert np.array_equal(wide_reader(location, scene, 16).rows(8, 40, 4), scene.reader.rows(8, 40, 4))


def test_a_product_gives_its_digital_numbers(tmp_path):
    location = str(make_safe(tmp_path))
    scene = open_scene(location)
    found = wide_reader(location, scene, None).rows(0, scene.height_width[0])
    assert found.max() > 255
    assert np.array_equal(np.minimum(found, 255), scene.reader.rows(0, scene.height_width[0]))


def test_bits_that_are_not_there_are_refused(tmp_path):
    location = str(write_tiff(tmp_path / "s.tif", pixels()))
    scene = open_scene(location)
    assert wide_reader(location, scene, None) is None
    with pytest.raises(SceneError, match="its source holds 8-bit pixels; leave --bits out"):
        wide_reader(location, scene, 16)
    product = str(make_safe(tmp_path))
    calibrated = open_scene(product, radiometry=Radiometry("sigma0_db"))
    assert wide_reader(product, calibrated, None) is None
    with pytest.raises(SceneError, match="its decibels are laid on 8 bits"):
        wide_reader(product, calibrated, 16)
