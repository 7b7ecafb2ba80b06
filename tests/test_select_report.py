"""The report of a selection: its facts, and the page and the PDF made of them."""

import re

import numpy as np
import pytest
from candidates_made import pool, table, turned
from datasets_made import make_dataset_folder, speckle

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.selection.candidates import Candidates, Pick, Removed, Selection
from ceruleanml.selection.choosing import choose
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.report import write_report
from ceruleanml.selection.report_facts import Facts, report_facts
from ceruleanml.selection.report_page import report_html
from ceruleanml.selection.thumbnails import shrunk, thumbnails

ABOUT = {"strategy": "coreset"}
HOSTILE = '<script>alert("7")</script>'


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two tiles, one of which is dark on the left."""
    dark = speckle(1, (64, 64))
    dark[0, :, :32] = 20
    tiles = {"s": [((0, 0), dark, []), ((0, 64), dark, [])]}
    root = make_dataset_folder(tmp_path_factory.mktemp("pool") / "pool", tiles)
    (root / "tiles" / "s_00000_00064.tif").write_bytes(b"II*\0")
    return open_dataset(root)


def facts_of(items, n=3, strategy="coreset", **options):
    return report_facts(items, choose(items, SelectOptions(strategy, n=n, **options)), ABOUT)


def test_distances_before_and_after_are_of_items_that_stay_unlabelled():
    items = table({}, embeddings=turned(0, 60, 90, 180), labelled="a")
    facts = facts_of(items, 1)
    assert [pick.id for pick in facts.selection.picks] == ["d"]
    root = 2 * np.sin(np.radians([30, 45]))
    assert facts.distances.before == pytest.approx(root)  # of b and c to a
    assert facts.distances.after == pytest.approx([1, 2**0.5])  # of b to a, of c to either
    assert (facts.items, facts.labelled, facts.left) == (4, 1, 3)


def test_without_labels_there_is_no_before_and_without_embeddings_no_distance():
    facts = facts_of(table({}, embeddings=turned(0, 60, 90, 180)), 1)
    assert facts.distances.before is None and len(facts.distances.after) == 3
    bare = facts_of(table({"x": [1, 2]}), 1, "uncertainty")
    assert (bare.distances, bare.map) == (None, None) and list(bare.scores) == ["x"]
    assert facts_of(table({}, embeddings=turned(0, 90)), 2).distances is None  # nothing is left over


def test_the_map_marks_what_was_labelled_chosen_and_drawn():
    facts = facts_of(pool(60, groups=20), 10, "default", round=1)
    kinds = dict(zip(*np.unique(facts.map.kinds, return_counts=True), strict=True))
    assert kinds == {"pool": 37, "labelled": 8, "chosen": 9, "chosen at random": 1}  # without 5 frozen ones
    assert np.isfinite(facts.map.points).all() and facts.map.points.shape == (55, 2)


def test_a_large_pool_is_sampled(monkeypatch):
    monkeypatch.setattr("ceruleanml.selection.report_facts.MEASURED", 20)
    monkeypatch.setattr("ceruleanml.selection.report_facts.MAPPED", 30)
    facts = facts_of(pool(60), 10)
    assert (len(facts.distances.after), facts.distances.items) == (20, 37)
    assert (len(facts.map.points), facts.map.items) == (30, 55)
    assert (facts.map.kinds == "chosen").sum() == 10
    assert re.search(r"20 of 37|30 of 55", report_html(facts)) is None  # they stand inside the pictures


def test_the_order_of_the_items_does_not_matter():
    items = pool(40)
    order = np.arange(40)[::-1]
    turned_round = Candidates(
        items.ids[::-1], items.groups[::-1], {name: values[order] for name, values in items.scores.items()},
        items.embeddings[order], items.taken[order], items.frozen[order],
    )  # fmt: skip
    assert report_html(facts_of(items)) == report_html(facts_of(turned_round))


def test_the_page_is_whole_and_says_why():
    page = report_html(facts_of(pool(40), 5, "default", round=2))
    assert "5 items chosen by strategy coreset" in page and "distance to the nearest labelled 0." in page
    assert page.count("data:image/png;base64,") == 3  # distances, map, scores
    assert set(re.findall(r"""(?:src|href)=["']?(.{5})""", page)) == {"data:"} and "http-equiv" in page
    for reason, number in (("evaluation", 5), ("labelled", 8)):
        assert re.search(rf"<td>{reason}: [^<]+</td><td>{number}</td>", page)


def test_everything_from_outside_is_escaped(tmp_path):
    picks = (Pick(HOSTILE, HOSTILE, 1, 0.5, f"because {HOSTILE}", {"x": 0.5}),)
    selection = Selection(picks, (Removed(HOSTILE, "", "threshold", HOSTILE),), (HOSTILE,))
    facts = Facts(selection, {"strategy": HOSTILE, HOSTILE: "$x^2$"}, (HOSTILE,), 1, 0, 1)
    page = report_html(facts)
    assert "<script" not in page and page.count("&lt;script&gt;") >= 8
    write_report(tmp_path, facts)  # what looks like a formula, or a control character, is text in the PDF too
    write_report(tmp_path, Facts(selection, {"strategy": "$_{", "n": "\x07\u4e2d"}, (), 1, 0, 1))


def test_equal_facts_give_equal_files(tmp_path):
    facts = facts_of(pool(40), 12)
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths = write_report(tmp_path / name, facts)
        files.append({path.name: path.read_bytes() for path in paths})
    assert files[0] == files[1] and sorted(files[0]) == ["report.html", "report.pdf"]
    assert files[0]["report.pdf"].startswith(b"%PDF-") and b"CreationDate" not in files[0]["report.pdf"]


@pytest.mark.parametrize(("n", "pages"), [(0, 2), (12, 4), (200, 12)])
def test_the_pdf_has_nine_picks_a_page_and_ends(tmp_path, n, pages):
    items = pool(300)
    facts = facts_of(Candidates(items.ids, items.groups, items.scores, None, items.taken, items.frozen), n, "random")
    write_report(tmp_path, facts)
    assert len(re.findall(rb"/Type /Page\b", (tmp_path / "report.pdf").read_bytes())) == pages


def test_pictures_show_the_tiles_that_can_be_read(dataset):
    pictures = thumbnails(dataset, ["s_00000_00000", "s_00000_00064", "none"], side_px=32)
    assert list(pictures) == ["s_00000_00000"]
    picture = pictures["s_00000_00000"]
    assert picture.shape == (32, 32)
    assert picture[:, :16].max() < picture[:, 16:].min()
    selection = Selection(tuple(Pick(one, "s", place, None, "why") for place, one in enumerate(pictures, start=1)))
    items = table({"x": [1, 2]}, ids=["s_00000_00000", "s_00000_00064"])
    page = report_html(report_facts(items, selection, ABOUT, (), dataset))
    assert '<img alt="s_00000_00000"' in page and "<th>picture</th>" in page


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        (np.zeros((4, 4), np.uint8), [[0, 0], [0, 0]]),
        (np.repeat([[10, 10, 50, 50]], 4, axis=0).astype(np.uint8), [[0, 255], [0, 255]]),
        (np.full((1, 4), 9, np.uint8), [[0, 0]]),
    ],
)
def test_a_band_shrinks_to_the_means_of_blocks(band, expected):
    assert shrunk(band, 2).tolist() == expected
