"""Which classes a page offers: the built-in, a team's own, or those of the data set whose tiles it asks for."""

import pytest
from annotate_made import make_page
from scenes_made import pixels, write_tiff

from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.page_files import classes_script
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import UsageError


@pytest.fixture
def ships(tmp_path):
    """A class table of one class, and a data set that was built with it."""
    path = tmp_path / "ships.toml"
    path.write_text('[[class]]\nname="background"\nphotopea=[0,0,0]\n[[class]]\nname="ship"\nphotopea=[1,2,3]\n')
    table = load_classes(path)
    write_tiff(tmp_path / "in" / "a.tif", pixels(0, (128, 128)))
    make_dataset([str(tmp_path / "in")], tmp_path / "set", BuildOptions(tile_size=(64, 64), classes=table))
    return table


def test_a_page_for_tiles_of_a_data_set_offers_its_classes(tmp_path, ships):
    prepare_page([str(tmp_path / "in")], tmp_path / "page", PageOptions(dataset=tmp_path / "set"))
    assert (tmp_path / "page" / "classes.js").read_text() == classes_script(ships) != classes_script(load_classes())


def test_another_table_than_the_data_sets_is_refused(tmp_path, ships):
    with pytest.raises(UsageError, match=r"set: its classes are ship, and --classes gives another table; leave"):
        make_page(tmp_path, dataset=tmp_path / "set", classes=load_classes())
    assert not (tmp_path / "page").exists()
    make_page(tmp_path, scenes=("a",), dataset=tmp_path / "set", classes=ships)
    assert (tmp_path / "page" / "classes.js").read_text() == classes_script(ships)
