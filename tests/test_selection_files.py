"""Files of a selection: written and read back bit by bit, whatever the ids and the reasons hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import SelectionError
from ceruleanml.selection.candidates import Pick, Removed, Selection
from ceruleanml.selection.selection_files import read_selection, write_queue, write_selection

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PICKS = st.lists(st.tuples(TEXTS, TEXTS, st.none() | NUMBERS, TEXTS, NUMBERS, st.none() | NUMBERS), max_size=4)


def selection_of(picks, removed=()):
    found = []
    for rank, (name, group, score, reason, first, second) in enumerate(picks, start=1):
        figures = {"distance": first} | ({} if second is None else {"entropy_window": second})
        found.append(Pick(name, group, rank, score, reason, figures))
    return Selection(tuple(found), tuple(Removed(*one) for one in removed))


@given(PICKS, st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), max_size=3))
def test_what_is_written_is_read_back(tmp_path_factory, picks, removed):
    folder = tmp_path_factory.mktemp("files")
    selection = selection_of(picks, removed)
    paths = write_selection(folder, selection)
    assert [path.name for path in paths] == ["removed_samples.csv", "selection.csv"]
    assert read_selection(folder) == read_selection(folder / "selection.csv") == selection


def test_the_columns_are_as_documented(tmp_path):
    write_selection(tmp_path, selection_of([("007", "s", 0.1, "a, b", 1 / 3, None), ("7", "", None, "c", 2.0, 0.5)]))
    assert (tmp_path / "selection.csv").read_text() == (
        "rank,tile_id,scene_id,score,reason,distance,entropy_window\n"
        '1,007,s,0.1,"a, b",0.3333333333333333,\n'
        "2,7,,,c,2.0,0.5\n"
    )
    assert (tmp_path / "removed_samples.csv").read_text() == "tile_id,scene_id,reason,detail\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("rank,tile_id\n1,a\n", "selection.csv: lacks the column scene_id of a selection; select again"),
        ("", "lacks the column rank"),
        ("rank,tile_id,scene_id,score,reason\n1,a,s\n", "line 2 has more or fewer cells than the head"),
        ("rank,tile_id,scene_id,score,reason\n1,a,s,0.5,why,more\n", "line 2 has more or fewer cells than the head"),
        ("rank,tile_id,scene_id,score,reason\nfirst,a,s,0.5,why\n", "item a: invalid literal for int"),
        ('rank,tile_id,scene_id,score,reason\n1,a,s,0.5,"why\n', "is no CSV"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, message):
    (tmp_path / "selection.csv").write_text(content)
    with pytest.raises(SelectionError, match=message):
        read_selection(tmp_path)


def test_a_folder_without_a_selection_is_named(tmp_path):
    with pytest.raises(SelectionError, match="holds no selection.csv; make one with ceruleanml select"):
        read_selection(tmp_path)


def test_blind_items_are_a_share_that_the_seed_draws(tmp_path):
    picks = selection_of([(f"{number:03d}", "s", 0.5, "why", 1.0, None) for number in range(50)]).picks
    blind = []
    for seed in (0, 0, 1):
        write_queue(tmp_path / "queue.json", picks, {"strategy": "random"}, 0.1, seed)
        queue = json.loads((tmp_path / "queue.json").read_text())
        blind.append([item["tile_id"] for item in queue["items"] if item["blind"]])
    assert [len(one) for one in blind] == [5, 5, 5] and blind[0] == blind[1] != blind[2]
    assert queue["items"][49] == {**queue["items"][49], "tile_id": "049", "order": 50, "score": 0.5, "reason": "why"}
