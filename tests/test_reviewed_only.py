"""`make-dataset --reviewed-only`: of a store's scenes the tiles that somebody went through, and no other."""

import pytest
from builds_made import build, coco_of
from label_states import box, feature, save, write
from scenes_made import pixels, write_tiff

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import UsageError

NOON, LATER = "20261121T120000Z", "20261121T130000Z"
SLICK = feature(box(10, 40, 5, 5))


@pytest.fixture
def tiles(tmp_path):
    """The bounds of the tiles of a scene of 60 x 90 pixels on the ground, 32 pixels a side, by their names."""
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    make_dataset([str(tmp_path / "in")], tmp_path / "pool", BuildOptions(tile_size=(32, 32)))
    return {tile.tile_id: bounds(tile.transform) for tile in open_dataset(tmp_path / "pool").tiles}


def bounds(transform, height=32, width=32):
    left, top, right, bottom = transform.c, transform.f, *(transform @ (width, height))
    return [left, bottom, right, top]


def reviewed(box, **said):
    return {"reviewed": True, "bounds": box, **said}


def built(folder, *states, hard_negatives=(), **changed):
    """The tiles kept, and the data set's notes."""
    (folder / "labels").mkdir(exist_ok=True)
    for name, content in states:
        write(folder / "labels" / "s" / f"{name}.geojson", content)
    options = {"labels": str(folder / "labels"), "tile_size": (32, 32), "reviewed_only": True, **changed}
    report = make_dataset([str(folder / "in")], folder / "out", BuildOptions(**options, hard_negatives=hard_negatives))
    return [image["tile_id"] for image in coco_of(folder / "out")["images"]], report.notes.get("s", [])


def around(one, other):
    """The bounds of two tiles and all between them."""
    return [min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (lambda tiles: {"one": reviewed(tiles[1])}, [1]),
        (lambda tiles: {"one": reviewed(tiles[1]), "two": reviewed(tiles[5])}, [1, 5]),
        (lambda tiles: {"large": reviewed(around(tiles[0], tiles[4]))}, [0, 1, 3, 4]),
        (lambda tiles: {"only begun": {"bounds": tiles[1]}, "one": reviewed(tiles[2])}, [2]),
        (lambda tiles: {"half": reviewed([*tiles[1][:2], sum(tiles[1][::2]) / 2, tiles[1][3]])}, []),
        (lambda tiles: {"no place": {"reviewed": True}}, []),
        (lambda tiles: {}, []),
    ],
)
def test_tiles_that_were_gone_through_are_kept(tmp_path, tiles, said, kept):
    names = list(tiles)
    state = save(SLICK, complete=False, tiles=said(list(tiles.values())))
    found, _ = built(tmp_path, (f"{NOON}_ann", state), hard_negatives={names[-1]})  # this one is kept in any case
    assert found == [name for place, name in enumerate(names) if place in kept or name == names[-1]]


def test_of_a_complete_scene_all_tiles_are_kept(tmp_path, tiles):
    assert built(tmp_path, (f"{NOON}_ann", save(SLICK)))[0] == list(tiles)


def test_several_annotators_tiles_are_all_kept(tmp_path, tiles):
    names = list(tiles)
    one = save(SLICK, complete=False, tiles={names[1]: reviewed(tiles[names[1]])})
    other = save(annotator="bo", complete=False, tiles={names[3]: reviewed(tiles[names[3]])})
    assert built(tmp_path, (f"{NOON}_ann", one), (f"{LATER}_bo", other))[0] == [names[1], names[3]]


def test_a_slick_of_which_no_tile_was_gone_through_is_named(tmp_path, tiles):
    name = list(tiles)[-1]
    _, notes = built(tmp_path, (f"{NOON}_ann", save(SLICK, complete=False, tiles={name: reviewed(tiles[name])})))
    assert any("lies only where tiles were left out" in note and "review" in note for note in notes)
    assert not any("may be taken for background" in note for note in notes)


@pytest.mark.parametrize("complete", [None, True, False])
def test_a_file_of_labels_counts_as_gone_through_unless_it_says_no(tmp_path, tiles, complete):
    content = save(SLICK)
    del content["complete"]
    write(tmp_path / "labels" / "s.geojson", content if complete is None else {**content, "complete": complete})
    kept = built(tmp_path, hard_negatives={"s_00000_00000"})[0]
    assert kept == (["s_00000_00000"] if complete is False else list(tiles))


def test_a_scene_without_labels_was_not_gone_through(tmp_path, tiles):
    assert built(tmp_path, hard_negatives={"s_00000_00000"}, labels=None)[0] == ["s_00000_00000"]


def test_the_record_says_so_and_whole_scenes_are_refused(photopea):
    build(photopea, reviewed_only=True)
    assert '"reviewed_only": true' in (photopea / "out" / "dataset.json").read_text()
    with pytest.raises(UsageError, match="--reviewed-only needs a tile size above 0"):
        BuildOptions(tile_size=None, reviewed_only=True)
