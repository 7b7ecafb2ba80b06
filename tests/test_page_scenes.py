"""The page on a full-size simulated scene and on the real Hatteras scene, as `annotate prepare` makes them."""

from pathlib import Path

import numpy as np
import pytest
from page_driven import Hand, chromium
from page_large import large
from page_made import disc
from scipy.ndimage import binary_dilation

from ceruleanml.annotation.importing import import_files
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_geojson
from ceruleanml.scenes.grid import make_grid
from ceruleanml.scenes.reading import open_scene

OUTLINE = Path(__file__).parent / "data_hatteras_outline.geojson"
ENDS = [(655.5, 288.5), (810.5, 425.5)]
"""Column and row on the native grid where the slick of Hatteras begins and ends."""
ACTIONS = 8


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


def test_a_full_size_scene_is_drawn_on_and_its_far_corner_comes_back(browser, tmp_path_factory, request):
    place = (7080, 4700)
    page, dark = large("full", tmp_path_factory, request).page, disc((400, 400), 180, 100, 70)
    hand = Hand(browser).open(page)
    hand.of(f"(() => {{ desk.view.scale = 1; desk.view.centreOn({place[0]}, {place[1]}); }})()")
    hand.frame().drag(place, place)
    corner = [4600, 6900, 400, 400]
    drawn = hand.ids(corner)
    assert ((drawn > 0) & dark).sum() / ((drawn > 0) | dark).sum() > 0.95
    assert hand.slicks()[0]["area"] == (drawn > 0).sum()  # and so none of it lies elsewhere
    exported = hand.downloaded("Control+e")
    hand.fresh().tab.set_input_files("#import-files", exported)
    hand.told("1 slick from")
    assert (hand.ready().ids(corner) == drawn).all() and hand.slicks()[0]["area"] == (drawn > 0).sum()
    assert hand.of("desk.pyramid.bytes") < 100e6
    hand.close()


def test_the_slick_of_hatteras_is_outlined_in_a_few_actions_and_becomes_a_label(browser, shared_data, tmp_path):
    location = str(shared_data / "hatteras" / "iw-vv.tiff")
    prepare_page([location], tmp_path / "page")
    scene = open_scene(location)
    grid = make_grid(scene)
    (shape,) = read_geojson(OUTLINE, load_classes(), scene.scene_id)
    piece = burn(shape, grid, scene.georeference)
    careful = np.zeros(grid.height_width, bool)
    window = piece.window
    careful[window.row : window.row + window.height, window.col : window.col + window.width] = piece.mask

    hand = Hand(browser).open(tmp_path / "page")
    actions = actions_of(hand.press("Escape"), lambda: hand.press("5", "l").drag(*ENDS, steps=10))
    drawn = hand.ids() > 0
    assert actions <= ACTIONS and min(precision_recall(drawn, careful)) >= 0.9

    hand.press("Control+z", "Escape", "p")
    hand.of("(() => { desk.view.scale = 3; desk.view.centreOn(745, 375); })()")
    by_polygon = actions_of(hand.frame(), lambda: click_around(hand, careful))
    assert min(precision_recall(hand.ids() > 0, careful)) >= 0.9
    assert by_polygon > 5 * actions
    hand.press("Control+z", "Escape", "Escape", "f", "l").drag(*ENDS, steps=10)
    assert ((hand.ids() > 0) == drawn).all()

    saved = tmp_path / "drawn.geojson"
    hand.press("c")
    saved.write_bytes(hand.downloaded("Control+e").read_bytes())
    hand.close()
    report = import_files([saved], tmp_path / "store")
    assert not report.refused and [one.slicks for one in report.taken] == [1]
    options = BuildOptions(labels=str(tmp_path / "store"), grid="native", empty_tiles=0)
    assert make_dataset([location], tmp_path / "out", options).failed == {}
    built = assembled(tmp_path / "out", drawn.shape)
    assert (built & drawn).sum() / (built | drawn).sum() >= 0.98


def actions_of(hand, work):
    """How many presses of keys and buttons the page counts."""
    count = "desk.state.costs['iw-vv'].clicks"
    before = hand.of(count)
    work()
    return hand.of(count) - before


def click_around(hand, mask):
    """Draw the mask's outline by polygon, with as few vertices as keep within a pixel of it."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    rings = [shape(found).exterior for found, _ in shapes(mask.astype(np.uint8), mask, connectivity=8)]
    outline = max(rings, key=lambda ring: ring.length).simplify(0.8)
    for x, y in outline.coords[:-1]:
        hand.click(x, y)
    hand.press("Enter").ready()


def precision_recall(mask, careful):
    """Within one pixel, the eight neighbours."""
    near = np.ones((3, 3), bool)
    precision = (mask & binary_dilation(careful, near)).sum() / mask.sum()
    return precision, (careful & binary_dilation(mask, near)).sum() / careful.sum()


def assembled(folder, height_width):
    """The labelled pixels of all tiles of a data set, on the whole grid."""
    dataset = open_dataset(folder)
    found = np.zeros(height_width, bool)
    for tile in dataset.tiles:
        window = tile.window
        part = found[window.row : window.row + window.height, window.col : window.col + window.width]
        part |= dataset.mask(tile)[: part.shape[0], : part.shape[1]] > 0
    return found
