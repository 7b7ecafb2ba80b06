"""Suspected label errors: errors of each kind, put into labels that a model knows nearly rightly, are found again."""

import numpy as np
import pytest
import rasterio
from label_states import NOON, box, feature, pixel_box, save
from scenes_made import NORTH, STEP, WEST, pixels, write_tiff
from scipy.ndimage import gaussian_filter, shift
from sklearn.metrics import average_precision_score

from ceruleanml.annotation.suspects import Suspects, of_dataset, of_labels, write_suspects
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import LabelError, UsageError
from ceruleanml.labels.store import append
from ceruleanml.labels.suspicion import KINDS, Suspicion, likely_kinds, soft_minimum, suspicion
from ceruleanml.selection.selection_files import read_selection

SIZE = 96
BANDS = (1, 2, 5)


def slicks(random):
    """Class ids (rows, columns) of a tile with none to three long slicks, bent and 3 to 7 pixels wide."""
    labelled = np.zeros((SIZE, SIZE), np.uint8)
    rows, cols = np.mgrid[:SIZE, :SIZE]
    for _ in range(random.integers(0, 4)):
        turn, bend = random.uniform(0, np.pi), random.uniform(-0.01, 0.01)
        row, col = random.uniform(15, SIZE - 15, 2)
        along = (cols - col) * np.cos(turn) + (rows - row) * np.sin(turn)
        across = (rows - row) * np.cos(turn) - (cols - col) * np.sin(turn) + bend * along**2
        inside = (abs(across) < random.uniform(1.5, 3.5)) & (abs(along) < random.uniform(10, 30))
        labelled[inside & (labelled == 0)] = random.choice(BANDS)
    return labelled


def nearly_right(labelled, random):
    """Probabilities of a model that mostly knows what is there: soft edges, noise, doubt about classes, blind spots."""
    bands = np.stack([gaussian_filter((labelled == one).astype(np.float32), 1.2) for one in BANDS])
    doubt = random.uniform(0.05, 0.5)
    mixed = bands * (1 - doubt) + bands.sum(axis=0) * doubt / len(BANDS)
    faint = 1 - 0.5 * (gaussian_filter(random.normal(0, 1, labelled.shape), 6) > 0.06)
    noise = gaussian_filter(random.normal(0, 0.4, mixed.shape), (0, 1.5, 1.5)).astype(np.float32)
    return np.clip(mixed * random.uniform(0.8, 0.99) * faint + noise, 0.002, 0.99).astype(np.float32)


def spoilt(labelled, kind, random):
    """The labels with an error of that kind; None where they give no room for it."""
    from scipy.ndimage import label

    numbers, count = label(labelled > 0, structure=np.ones((3, 3)))
    if not count:
        return None
    areas = np.bincount(numbers.ravel())[1:]
    part = numbers == int(np.argmax(areas)) + 1
    if part.sum() < 40:
        return None
    wrong = labelled.copy()
    if kind == "overlooked":
        wrong[part] = 0
    elif kind == "swapped":
        class_id = int(np.bincount(labelled[part]).argmax())
        wrong[part] = random.choice([one for one in BANDS if one != class_id])
    else:
        moved = shift(np.where(part, labelled, 0), random.choice([-4, 4], 2), order=0)
        wrong[part] = 0
        wrong[moved > 0] = moved[moved > 0]
    return wrong


@pytest.fixture(scope="module")
def trial():
    """Suspicions of 240 tiles, and what was done to each: "" or the kind of error, of which each is in one of ten."""
    random = np.random.default_rng(7)
    done, found = [], []
    while len(done) < 240:
        truth = slicks(random)
        kind = dict(enumerate(KINDS)).get(len(done) % 10, "")
        labelled = spoilt(truth, kind, random) if kind else truth
        if labelled is not None:
            probabilities = nearly_right(truth, random)
            done.append(kind)
            found.append(suspicion(labelled, probabilities, BANDS, np.ones((SIZE, SIZE), bool)))
    return np.array(done), found


def test_the_soft_minimum_ranks_errors_of_all_kinds_first(trial):
    done, found = trial
    precision = average_precision_score(done != "", [one.score for one in found])
    assert precision > 0.9, "3 of 10 tiles are wrong, so chance is 0.3"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_ranked_first_by_its_own_figure(trial, kind):
    done, found = trial
    assert average_precision_score(done == kind, [one.of(kind) for one in found]) > 0.9
    named = [one for one, what in zip(likely_kinds(found), done, strict=True) if what == kind]
    assert named.count(kind) / len(named) > 0.8, "and it is the one that is named"


def test_the_soft_minimum_by_hand():
    assert soft_minimum(np.array([0.3])) == pytest.approx(0.3)
    weights = np.exp([0.0, 10.0])
    assert soft_minimum(np.array([1.0, 0.0])) == pytest.approx(weights[0] / weights.sum())
    assert soft_minimum(np.full(1000, 0.9)) == pytest.approx(0.9)
    assert soft_minimum(np.append(np.full(10_000, 1.0), np.zeros(30))) < 0.02, "30 sure errors outweigh 10,000 pixels"


def one_slick(rows, cols, class_id=1):
    labelled = np.zeros((40, 40), np.uint8)
    labelled[rows, cols] = class_id
    return labelled


def sure(labelled, share=0.98):
    return np.stack([np.where(labelled == one, share, 0.005) for one in BANDS]).astype(np.float32)


HERE, THERE = (slice(5, 15), slice(5, 15)), (slice(25, 35), slice(25, 35))
KNOWN = {
    "right": (one_slick(*HERE), sure(one_slick(*HERE)), None),
    "overlooked": (one_slick(*HERE) * 0, sure(one_slick(*HERE)), "overlooked"),
    "beside another": (one_slick(*THERE), sure(one_slick(*HERE) + one_slick(*THERE)), "overlooked"),
    "moved a little": (one_slick(slice(10, 20), slice(5, 15)), sure(one_slick(*HERE)), "badly_located"),
    "nothing there": (one_slick(*HERE), sure(one_slick(*HERE) * 0), "badly_located"),
    "another class": (one_slick(*HERE, class_id=2), sure(one_slick(*HERE, class_id=5)), "swapped"),
    "a class the model does not know": (one_slick(*HERE, class_id=4), sure(one_slick(*HERE)), None),
    "a speck": (one_slick(*HERE) * 0, sure(one_slick(slice(3, 4), slice(3, 4))), None),
}


@pytest.mark.parametrize(("labelled", "probabilities", "kind"), KNOWN.values(), ids=KNOWN.keys())
def test_what_is_wrong_is_named(labelled, probabilities, kind):
    found = suspicion(labelled, probabilities, BANDS, np.ones((40, 40), bool))
    sure_of = {one for one in KINDS if found.of(one) > 0.4}
    assert sure_of == ({kind} if kind else set())
    if kind:
        row, col = dict(found.where)[kind]
        assert 5 <= row < 20 and 5 <= col < 15
        assert found.score > 0.5


def test_what_was_not_measured_does_not_count():
    valid = np.zeros((40, 40), bool)
    assert suspicion(one_slick(*HERE), sure(one_slick(*THERE)), BANDS, valid) == Suspicion(0.0)
    valid[THERE] = True
    found = suspicion(one_slick(*HERE), sure(one_slick(*THERE)), BANDS, valid)
    assert (likely_kinds([found]), found.badly_located) == (["overlooked"], 0)


# ---- files


def write_probabilities(path, probabilities, transform=None, crs="EPSG:4326"):
    """As predict writes them: 1 to 255 are 0 to 1, a band a class."""
    path.parent.mkdir(exist_ok=True)
    bands, height, width = probabilities.shape
    place = {"crs": crs, "transform": transform} if transform else {}
    profile = {"driver": "GTiff", "dtype": "uint8", "count": bands, "height": height, "width": width}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.descriptions = ["infra_slick", "natural_seep", "old_vessel"][:bands]
        file.write((np.rint(probabilities * 254) + 1).astype(np.uint8))
    return path


PLACE = rasterio.Affine(STEP, 0, WEST, 0, -STEP, NORTH)


def seen(*slicks, height_width=(60, 90)):
    """Probabilities of a scene on which the model sees old vessel slicks in rectangles (row, col, height, width)."""
    bands = np.full((3, *height_width), 0.004, np.float32)
    for row, col, height, width in slicks:
        bands[2, row : row + height, col : col + width] = 0.97
    return bands


def test_a_store_and_probabilities_become_a_selection(tmp_path):
    """Tile (0, 32) lacks a slick, tile (32, 0) has one where none is; the rest is right."""
    drawn = [feature(box(5, 5, 10, 10), slick_id="s/1"), feature(box(40, 8, 10, 10), slick_id="s/2")]
    append(tmp_path / "store", "s", save(*drawn), "ann", NOON)
    write_probabilities(tmp_path / "p" / "s.tif", seen((5, 5, 10, 10), (10, 45, 10, 10)), PLACE)
    found = of_labels(tmp_path / "p", tmp_path / "store", load_classes(), 32)
    assert [tile.tile_id for tile in found.tiles] == [f"s_{r:05d}_{c:05d}" for r in (0, 32) for c in (0, 32, 64)]
    path, listed = write_suspects(tmp_path / "out", found)
    picks = read_selection(path).picks
    assert (listed, path.name) == (6, "selection.csv")
    assert {pick.id for pick in picks[:2]} == {"s_00000_00032", "s_00032_00000"}
    reasons = {pick.id: pick.reason for pick in picks}
    assert reasons["s_00000_00032"].startswith(
        "a slick seems overlooked (0.84) near row 15, column 18; soft minimum 0.0"
    )
    assert reasons["s_00032_00000"].startswith("a slick seems badly located")
    path, listed = write_suspects(tmp_path / "swapped", found, kind="swapped")
    assert listed == 0 and read_selection(path).picks == ()
    path, listed = write_suspects(tmp_path / "two", found, most=1, kind="overlooked")
    assert [pick.id for pick in read_selection(path).picks] == ["s_00000_00032"]


@pytest.mark.parametrize("with_place", [True, False])
def test_a_data_set_is_judged_on_its_own_tiles(tmp_path, with_place):
    write_tiff(
        tmp_path / "in" / "s.tif",
        pixels(),
        with_gcps=False,
        **({"crs": "EPSG:4326", "transform": PLACE} if with_place else {}),
    )
    write_tiff(tmp_path / "in" / "t.tif", pixels(), with_gcps=False)
    ring = box if with_place else pixel_box
    append(tmp_path / "store", "s", save(feature(ring(5, 5, 10, 10)), pixels=not with_place), "ann", NOON)
    options = BuildOptions(labels=str(tmp_path / "store"), tile_size=(32, 32))
    make_dataset([str(tmp_path / "in")], tmp_path / "data", options)
    with rasterio.open(tmp_path / "data" / "tiles" / "s_00000_00000.tif") as tile:
        transform = tile.transform
    rows, cols = (68, 78) if with_place else (60, 90)
    write_probabilities(
        tmp_path / "p" / "s.tif", seen((5, 40, 10, 10), height_width=(rows, cols)), transform if with_place else None
    )
    found = of_dataset(tmp_path / "p", tmp_path / "data")
    worst = sorted(found.tiles, key=lambda tile: -tile.found.score)[:2]
    assert {tile.tile_id for tile in worst} == {"s_00000_00000", "s_00000_00032"}
    assert found.notes == (f"scene t: has no probabilities in {tmp_path / 'p'}, so its tiles are not judged",)


def test_what_cannot_be_judged_is_told(tmp_path):
    with pytest.raises(LabelError, match="nowhere: no such folder"):
        of_labels(tmp_path / "nowhere", tmp_path, load_classes())
    write_probabilities(tmp_path / "p" / "s.tif", seen((5, 5, 10, 10)), PLACE)
    (tmp_path / "labels").mkdir()
    with pytest.raises(LabelError, match=r"judges no tile \(scene s: has no labels"):
        of_labels(tmp_path / "p", tmp_path / "labels", load_classes())
    append(tmp_path / "store", "s", save(feature(pixel_box(1, 1, 3, 3)), pixels=True), "ann", NOON)
    with pytest.raises(LabelError, match="is labelled in pixels of its image"):
        of_labels(tmp_path / "p", tmp_path / "store", load_classes())
    write_tiff(tmp_path / "p" / "s.tif", pixels())
    append(tmp_path / "store", "s", save(), "ann", NOON)
    with pytest.raises(LabelError, match="are no probabilities of classes"):
        of_labels(tmp_path / "p", tmp_path / "store", load_classes())
    found = Suspects((), ())
    for options, says in (({"kind": "x"}, "--kind x is not known"), ({"most": 0}, "--most 0 cannot be")):
        with pytest.raises(UsageError, match=says):
            write_suspects(tmp_path / "out", found, **options)
