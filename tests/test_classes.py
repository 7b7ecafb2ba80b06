"""The built-in class table, and teams' own."""

import pytest

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import ClassTableError

TWO = '[[class]]\nname = "sea"\nphotopea = [0, 0, 0]\n[[class]]\nname = "oil"\nphotopea = [255, 0, 0]\n'


def test_the_built_in_table():
    table = load_classes()
    assert table.names == [
        "background", "infra_slick", "natural_seep", "coincident_vessel", "recent_vessel", "old_vessel", "ambiguous",
    ]  # fmt: skip
    assert [row.photopea for row in table] == [
        (0, 255, 255), (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 0), (255, 0, 255), (255, 255, 255),
    ]  # fmt: skip
    assert table.id_of("old_vessel") == 5 and table[5].name == "old_vessel"
    assert len({row.display for row in table}) == 7


def test_rows_there_and_back():
    table = load_classes()
    assert ClassTable.from_rows(table.as_rows(), "here") == table


def test_a_teams_own_table(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(TWO)
    table = load_classes(path)
    assert table.names == ["sea", "oil"] and table[1].display == "#ff0000" and table[1].letter == "O"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not toml [", "not valid TOML"),
        ("", "two or more"),
        (TWO.replace("[255, 0, 0]", "[255, 0]"), "photopea must be"),
        (TWO.replace("[255, 0, 0]", "[256, 0, 0]"), "photopea must be"),
        (TWO.replace("[255, 0, 0]", "[0, 0, 0]"), "stands twice"),
        (TWO.replace('"oil"', '"sea"'), "stands twice"),
        (TWO.replace('"oil"', '"Oil spill"'), "small letters"),
        (TWO + 'display = "red"\n', "display must be"),
    ],
)
def test_refused_tables(tmp_path, text, message):
    path = tmp_path / "classes.toml"
    path.write_text(text)
    with pytest.raises(ClassTableError, match=message) as caught:
        load_classes(path)
    assert str(path) in str(caught.value)


def test_missing_table_and_unknown_class(tmp_path):
    with pytest.raises(ClassTableError, match=r"none\.toml: cannot be read"):
        load_classes(tmp_path / "none.toml")
    with pytest.raises(ClassTableError, match="it has infra_slick, natural_seep"):
        load_classes().id_of("whale")
    with pytest.raises(ClassTableError, match=r"did you mean recent_vessel\? It has"):
        load_classes().id_of("recent_vesel")
