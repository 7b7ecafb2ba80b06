"""Which states count when clocks go wrong, and how quickly that is told."""

from datetime import timedelta

from label_states import NOON, save

from ceruleanml.labels import heads
from ceruleanml.labels.heads import heads_of
from ceruleanml.labels.store import append


def add(folder, who, minutes, *before):
    content = save(annotator=who, n=minutes, based_on=[path.name for path in before])
    return append(folder, "s", content, who, NOON + timedelta(minutes=minutes))


def test_a_state_that_began_from_a_later_one_of_the_same_annotator_takes_its_place(tmp_path):
    """Saved on a machine whose clock was ahead, gone on with on another: both as heads would be put to a vote."""
    ahead = add(tmp_path, "ann", 5)
    right = add(tmp_path, "ann", 2, ahead)
    assert heads_of(tmp_path, "s") == [right]
    newest = add(tmp_path, "ann", 7)
    assert heads_of(tmp_path, "s") == [newest]


def test_so_does_one_that_began_from_it_through_another_s(tmp_path):
    first = add(tmp_path, "ann", 9)
    second = add(tmp_path, "bob", 8, first)
    third = add(tmp_path, "ann", 7, second)
    assert heads_of(tmp_path, "s") == [third]


def test_files_that_name_each_other_stay(tmp_path):
    first = add(tmp_path, "ann", 1, tmp_path / "20261121T120200Z_bob.geojson")
    second = add(tmp_path, "bob", 2, first)
    assert heads_of(tmp_path, "s") == [first, second]


def test_of_many_states_each_is_gone_through_once(tmp_path, monkeypatch):
    """An annotator who saves every minute for days leaves thousands of files."""
    seen = []
    monkeypatch.setattr(heads, "reached", lambda *of: seen.append(of))
    files = [add(tmp_path, "ann", minutes) for minutes in range(50)]
    assert heads_of(tmp_path, "s") == files[-1:]
    assert seen == []
