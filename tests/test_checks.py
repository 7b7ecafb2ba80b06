"""Check: each kind of fault is found, named and listed, and plain sea is not taken for a duplicate."""

import csv
import re

import numpy as np
import pytest
from datasets_made import box_mask, change, make_dataset_folder, speckle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco_mask

from ceruleanml.cli.check import check as check_verb
from ceruleanml.datasets.checks import check, write_removed
from ceruleanml.datasets.duplicates import near_pairs, perceptual_hash
from ceruleanml.datasets.tile_io import encode_tile
from ceruleanml.datasets.validity import run_lengths
from ceruleanml.errors import DatasetError, UsageError

BOX = box_mask(slice(2, 6), slice(4, 20))
PASS = "S1A_IW_GRDH_1SDV_20200802T1416{}_20200802T141711_033729_03E8C7_E4F{}"
NAMES = ["vv", "infra_distance"]


def tile(seed, masks=(), row_col=(0, 0)):
    return (row_col, speckle(seed, (48, 48)), masks)


@pytest.fixture
def folder(tmp_path):
    big = np.pad(BOX, ((0, 16), (0, 16)))
    tiles = [tile(1, [(1, "a", big)]), tile(2, [(2, "b", big)], (0, 48)), tile(3, [], (48, 0))]
    return make_dataset_folder(tmp_path / "train", {"one": tiles})


def found(*roots):
    return [(finding.reason, finding.tile_id or finding.scene_id) for finding in check(roots).findings]


def rewrite(root, tile_id, pixels):
    (root / "tiles" / f"{tile_id}.tif").write_bytes(encode_tile(pixels, None, None, NAMES, 0))


def test_a_sound_data_set_has_no_findings(folder):
    report = check([folder])
    assert report.findings == () and (report.tiles, report.annotations) == (3, 2)
    assert report.csv() == "dataset,tile_id,scene_id,reason,detail\n"


def test_corrupt_missing_and_wrong_sized_tiles(folder):
    path = folder / "tiles" / "one_00000_00000.tif"
    path.write_bytes(path.read_bytes()[:-300])
    (folder / "tiles" / "one_00000_00048.tif").unlink()
    rewrite(folder, "one_00048_00000", speckle(3, (48, 47)))
    report = check([folder])
    assert [(finding.reason, finding.tile_id) for finding in report.findings] == [
        ("corrupt", "one_00000_00000"), ("corrupt", "one_00000_00048"), ("corrupt", "one_00048_00000"),
    ]  # fmt: skip
    assert "truncated or corrupt" in report.findings[0].detail and "No such file" in report.findings[1].detail


@pytest.mark.parametrize(("value", "detail"), [(0, "holds no valid pixel"), (7, "all 2,304 valid pixels are 7")])
def test_empty_tiles_are_empty_and_not_duplicates(folder, value, detail):
    for tile_id in ("one_00000_00000", "one_00000_00048"):
        rewrite(folder, tile_id, np.full((2, 48, 48), value, np.uint8))
    report = check([folder])
    assert [(finding.reason, finding.detail) for finding in report.findings] == [("empty", detail)] * 2


def test_the_later_of_two_equal_tiles_is_a_duplicate(folder):
    rewrite(folder, "one_00048_00000", speckle(1, (48, 48)))
    (finding,) = check([folder]).findings
    assert (finding.reason, finding.tile_id) == ("exact_duplicate", "one_00048_00000")
    assert finding.detail == f"same pixels as {folder}: one_00000_00000"


def test_a_brightened_tile_is_a_near_duplicate(folder):
    rewrite(folder, "one_00048_00000", (speckle(1, (48, 48)) * 0.8 + 9).astype(np.uint8))
    (finding,) = check([folder]).findings
    assert (finding.reason, finding.tile_id) == ("near_duplicate", "one_00048_00000")
    assert finding.detail.endswith(f"of 256 bits differ from {folder}: one_00000_00000")


def test_tiles_with_little_data_are_not_compared_by_looks(folder):
    pixels = speckle(1, (48, 48))
    pixels[:, :, 30:] = 0
    rewrite(folder, "one_00000_00000", pixels)
    rewrite(folder, "one_00048_00000", np.where(pixels, pixels + 1, 0).astype(np.uint8))
    assert found(folder) == []


def smooth(pixels, width):
    kernel = np.ones(width) / width
    rows = np.apply_along_axis(np.convolve, 0, pixels.astype(float), kernel, "same")
    return np.apply_along_axis(np.convolve, 1, rows, kernel, "same").astype(np.uint8)


def hashed(band):
    return perceptual_hash(band, np.ones(band.shape, bool))


def test_plain_and_textured_sea_is_never_a_duplicate():
    falloff = np.linspace(1.4, 0.6, 96)[None, :] * (1 + 0.2 * np.sin(np.arange(96) / 9))[:, None]
    seas = [speckle(seed, (96, 96), 1)[0] for seed in range(400)]
    seas += [(speckle(seed, (96, 96), 1)[0] * falloff / 1.7).astype(np.uint8) for seed in range(400, 600)]
    hashes = np.stack([hashed(sea) for sea in seas])
    assert list(near_pairs(hashes)) == []
    apart = np.count_nonzero(hashes[:200] != hashes[200:400], axis=1)
    assert abs(apart.mean() - 128) < 3 and abs(apart.std() - 8) < 1.5


@pytest.mark.parametrize(("change_of", "most_bits"), [
    (lambda sea: (sea * 0.7).astype(np.uint8), 12),
    (lambda sea: smooth(sea, 3), 20),
    (lambda sea: np.roll(sea, 1, axis=1), 45),
], ids=["darker", "filtered", "moved by a pixel"])  # fmt: skip
def test_what_is_done_to_a_tile_does_not_hide_it(change_of, most_bits):
    seas = [speckle(seed, (96, 96), 1)[0] for seed in range(20)]
    hashes = np.stack([hashed(sea) for sea in seas] + [hashed(change_of(sea)) for sea in seas])
    pairs = list(near_pairs(hashes))
    assert [(earlier, later) for earlier, later, _ in pairs] == [(n, n + 20) for n in range(20)]
    assert np.median([bits for _, _, bits in pairs]) <= most_bits


def test_near_pairs_are_those_of_a_search_through_all(monkeypatch):
    monkeypatch.setattr("ceruleanml.datasets.duplicates.BLOCK", 16)
    rng = np.random.Generator(np.random.PCG64(3))
    hashes = rng.random((70, 256)) < 0.5
    for later, earlier, flipped in ((20, 3, 72), (33, 3, 73), (34, 33, 5), (35, 34, 0), (69, 0, 40), (60, 0, 40)):
        hashes[later] = hashes[earlier]
        hashes[later, :flipped] ^= True
    apart = np.count_nonzero(hashes[:, None] != hashes[None], axis=2)
    expected = [
        (int(apart[later, :later].argmin()), later, int(apart[later, :later].min()))
        for later in range(1, 70) if apart[later, :later].min() <= 72
    ]  # fmt: skip
    assert list(near_pairs(hashes)) == expected
    assert {later for _, later, _ in expected} >= {20, 34, 35, 60, 69}


@pytest.mark.parametrize(("other", "placed", "finding"), [
    ("two", (10.02, 20.0), ("shared_ground", "two_00000_00000")),  # 28 pixels over
    ("two", (10.048, 20.0), None),  # side by side
    ("two", (10.0, 21.0), None),
    ("one", (40.0, 40.0), ("shared_scene", "one")),
    (PASS.format("59", 2), (60.0, 20.0), ("shared_pass", PASS.format("59", 2))),
], ids=str)  # fmt: skip
def test_what_parts_share(tmp_path, other, placed, finding):
    own = {"one": [tile(1)], PASS.format("46", 1): [tile(2)]}
    train = make_dataset_folder(tmp_path / "train", own, {"one": (10, 20), PASS.format("46", 1): (30, 20)})
    val = make_dataset_folder(tmp_path / "val", {other: [tile(3)]}, {other: placed})
    assert found(train, val) == ([] if finding is None else [finding])


def test_padding_beyond_a_scene_is_no_ground(tmp_path):
    train = make_dataset_folder(tmp_path / "train", {"one": [tile(1)]}, {"one": (10, 20)})
    val = make_dataset_folder(tmp_path / "val", {"two": [tile(2)]}, {"two": (10.03, 20)})
    assert found(train, val) == [("shared_ground", "two_00000_00000")]
    change(train / "dataset.json", "scenes", "one", "grid", "height_width", to=[48, 30])
    assert found(train, val) == []


def test_a_duplicate_between_parts_names_both(tmp_path):
    train = make_dataset_folder(tmp_path / "train", {"one": [tile(1)]})
    val = make_dataset_folder(tmp_path / "val", {"two": [tile(1)]}, {"two": (50, 0)})
    (finding,) = check([train, val]).findings
    assert (finding.dataset, finding.detail) == (str(val), f"same pixels as {train}: one_00000_00000")


IMAGE, PIECE = ("instances.json", "images", 1), ("instances.json", "annotations", 0)


@pytest.mark.parametrize(("keys", "value", "detail"), [
    ((*IMAGE, "id"), 1, "image: id 1 stands twice"),
    ((*IMAGE, "file_name"), "tiles/one_00000_00000.tif", "image: file_name tiles/one_00000_00000.tif stands twice"),
    ((*IMAGE, "file_name"), "/etc/passwd", "image: file name /etc/passwd leaves the folder"),
    ((*IMAGE, "width"), 47, r"window \[0, 48, 48, 48\] is not of the tile's height and width"),
    ((*IMAGE, "window"), [500, 0, 48, 48], "lies outside its scene of 96 x 96 pixels"),
    ((*IMAGE, "scene_id"), "gone", "scene gone is not among the scenes"),
    ((*IMAGE, "transform"), None, "image: .*argument"),
    ((*PIECE, "image_id"), 99, "annotation 1: image 99 is not there or not valid"),
    ((*PIECE, "category_id"), 7, "annotation 1: category 7 is not in the class table"),
    ((*PIECE, "iscrowd"), 1, "annotation 1: iscrowd is 1; with anything but 0 evaluation ignores"),
    ((*PIECE, "area"), 65, "annotation 1: area is 65, its segmentation has 64"),
    ((*PIECE, "bbox"), [2, 4, 16, 4], r"bbox is \[2, 4, 16, 4\], its segmentation's is \[4, 2, 16, 4\]"),
    ((*PIECE, "segmentation", "counts"), "1", "annotation 1: segmentation covers 1 pixels of 2304"),
    ((*PIECE, "segmentation", "counts"), "P", "annotation 1: RLE is cut short"),
    ((*PIECE, "segmentation", "counts"), "\u00e9", "annotation 1: RLE holds"),
    ((*PIECE, "segmentation", "size"), [24, 96], r"segmentation is of \[24, 96\] pixels, its image of \[48, 48\]"),
    ((*PIECE, "id"), 2, "annotation 2: id 2 stands twice"),
    (("instances.json", "annotations", 0), 5, r"annotation \?: "),
    (("instances.json", "categories", 0, "name"), "slick", "category 1 slick is not in the class table"),
])  # fmt: skip
def test_records_that_coco_readers_would_not_take(folder, keys, value, detail):
    change(folder / keys[0], *keys[1:], to=value)
    details = [finding.detail for finding in check([folder]).findings if finding.reason == "coco"]
    assert any(re.search(detail, found) for found in details), details


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_run_lengths_are_those_that_were_compressed(mask):
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    runs = run_lengths(rle["counts"].decode())
    assert sum(runs) == mask.size and sum(runs[1::2]) == np.count_nonzero(mask)
    assert np.array_equal(np.repeat(np.arange(len(runs)) % 2, runs), mask.ravel(order="F"))


def test_the_verb_lists_offenders_and_says_so_by_its_status(folder, tmp_path, capsys):
    out = tmp_path / "removed_samples.csv"
    assert check_verb([folder], out, False) == 0
    assert "3 tiles with 2 annotations in 1 data set: nothing found" in capsys.readouterr().out
    rewrite(folder, "one_00048_00000", speckle(1, (48, 48)))
    assert check_verb([folder], out, False) == 3
    assert "exact_duplicate" in capsys.readouterr().out
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (row["tile_id"], row["scene_id"], row["reason"]) == ("one_00048_00000", "one", "exact_duplicate")


def test_a_folder_given_twice_is_refused(folder):
    with pytest.raises(UsageError, match="give one or more, each once"):
        check([folder, folder / "." / "tiles" / ".."])


def test_a_folder_that_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="is no data set folder"):
        check([tmp_path])


def test_real_images_hold_near_duplicates_and_no_false_ones(shared_data, tmp_path):
    """Four pairs of the first 1,000 and their kin show the same water, once filtered and once not."""
    stems = ["20934", "21378", "21259", "21703", "21269", "21713", "21301", "21745"]
    stems += [path.stem for path in sorted((shared_data / "sos-sentinel1" / "images").glob("*.jpg"))[:60]]
    images = shared_data / "sos-sentinel1" / "images"
    tiles = {
        f"sos_{stem}": [((0, 0), np.asarray(Image.open(images / f"{stem}.jpg").convert("L"))[None], [])]
        for stem in stems
    }
    report = check([make_dataset_folder(tmp_path / "sos", tiles, None, ["vv"], georeferenced=False)])
    assert [(finding.reason, finding.scene_id) for finding in report.findings] == [
        ("near_duplicate", f"sos_{stem}") for stem in ("21378", "21703", "21713", "21745")
    ]
    write_removed(report, tmp_path / "removed_samples.csv")
    assert len((tmp_path / "removed_samples.csv").read_text().splitlines()) == 5
