"""The table of mutants holds: each is one edit that still compiles, of code that is there, told by tests that are."""

from collections import Counter

import pytest
from mutation.run import BROKEN, CAUGHT, EXPLAINED, MUTANTS, ROOT, SURVIVED, Mutant, Running, judged

MUTANT = Mutant("one", "ceruleanml/seeds.py", "old", "new", "draws", ("test_storage.py",))


def test_there_are_many_of_different_parts():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
    stages = Counter(mutant.file.split("/")[1] for mutant in MUTANTS)
    assert min(stages[stage] for stage in ("scenes", "labels", "datasets", "inference", "evaluation", "selection")) >= 5
    assert sum("/mirror" in mutant.file or "/storage" in mutant.file for mutant in MUTANTS) >= 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_one_edit_that_compiles_and_names_tests_that_are_there(mutant):
    before = (ROOT / mutant.file).read_text(encoding="utf-8")
    after = mutant.applied(before)
    assert after != before and mutant.breaks
    compile(after, mutant.file, "exec")
    assert mutant.tests
    for one in mutant.tests:
        module, _, name = one.partition("::")
        text = (ROOT / "tests" / module).read_text(encoding="utf-8")
        assert not name or f"def {name.partition('[')[0]}(" in text


def test_a_text_that_does_not_stand_once_is_refused():
    assert MUTANT.applied("an old one") == "an new one"
    for text in ("", "old and old"):
        with pytest.raises(ValueError, match=r"one: its text stands [02] times in ceruleanml/seeds\.py, not once"):
            MUTANT.applied(text)


@pytest.mark.parametrize(
    ("status", "said", "survives", "end"),
    [
        (1, "FAILED tests/test_x.py::test", "", CAUGHT),
        (1, "", "why", CAUGHT),  # killed, as it took too long
        (3, "FAILED tests/test_x.py::test", "", CAUGHT),
        (0, "2 passed", "", SURVIVED),
        (0, "2 passed", "why", EXPLAINED),
        (2, "ERROR tests/test_x.py - ImportError", "", BROKEN),
        (5, "no tests ran", "", BROKEN),
    ],
)
def test_only_a_test_that_fails_tells(tmp_path, status, said, survives, end):
    (tmp_path / "said.txt").write_text(f"..F\n{said}\n")
    mutant = Mutant("one", "f", "old", "new", "draws", ("test_storage.py",), survives)
    assert judged(mutant, Running(1, tmp_path, 0.0), status)[0] == end
