"""The partition verb on small images and masks: what it lists, make-dataset finds."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from ceruleanml.cli.partition import partition as partition_verb
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.partition import read_parts
from ceruleanml.datasets.summaries import summarise_scenes
from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.scenes.reading import find_scenes, scene_id_of


@pytest.fixture
def scenes(tmp_path):
    """Twenty plain images, every second one with a slick in its mask."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for number in range(20):
        Image.fromarray(np.full((8, 9), 60 + number, np.uint8)).save(tmp_path / "images" / f"im_{number:02d}.png")
        mask = np.zeros((8, 9), np.uint8)
        mask[2:4, 3:6] = 255 * (number % 2)
        Image.fromarray(mask).save(tmp_path / "masks" / f"im_{number:02d}.png")
    return tmp_path


def verb(scenes, out="parts", **options):
    return partition_verb([str(scenes / "images")], scenes / out, scenes / "masks", **options)


def test_the_lists_hold_every_scene_once_and_are_found_again(scenes, capsys):
    assert verb(scenes, train=0.5, val=0.3, test=0.2) == 0
    parts = {name: find_scenes([str(scenes / "parts" / f"{name}_scenes.txt")]) for name in ("train", "val", "test")}
    assert {name: len(found) for name, found in parts.items()} == {"train": 10, "val": 6, "test": 4}
    slicks = {name: sum(int(scene_id_of(place)[-1]) % 2 for place in found) for name, found in parts.items()}
    assert slicks == {"train": 5, "val": 3, "test": 2}
    assert sorted(scene_id_of(place) for found in parts.values() for place in found) == [
        f"im_{number:02d}" for number in range(20)
    ]  # fmt: skip
    assert "20 scenes in 20 groups that stay together" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_lists_and_another_gives_others(scenes):
    for out, seed in (("one", 4), ("two", 4), ("three", 5)):
        verb(scenes, out, seed=seed, quiet=True)
    assert read_parts(scenes / "one") == read_parts(scenes / "two") != read_parts(scenes / "three")


def test_a_scene_that_cannot_be_read_is_named_and_in_no_list(scenes, capsys):
    (scenes / "images" / "im_07.png").write_bytes(b"\x89PNG\r\n")
    assert verb(scenes) == 3
    assert "im_07.png" in capsys.readouterr().err
    assert "im_07" not in str(read_parts(scenes / "parts"))


def test_shares_are_looked_at_first(scenes):
    with pytest.raises(UsageError, match="train 0.9, val 0.15, test 0.15 sum to 1.2"):
        verb(scenes, train=0.9)
    assert not (scenes / "parts").exists()


def test_lists_are_verified_against_the_scenes(scenes, capsys):
    verb(scenes, quiet=True)
    assert verb(scenes, verify=True) == 0
    assert "the lists share no scene and no group" in capsys.readouterr().out
    train, val = (scenes / "parts" / f"{name}_scenes.txt" for name in ("train", "val"))
    stolen = train.read_text().splitlines()[0]
    val.write_text(f"# by hand\n{stolen}\n")
    with pytest.raises(DatasetError, match=f"scene {scene_id_of(stolen)} is in train and again in val; keep it in one"):
        verb(scenes, verify=True)


def test_a_summary_tells_where_when_and_which_slicks(tmp_path):
    name = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"
    place = Affine(0.01, 0, 50, 0, -0.01, 25)
    with rasterio.open(
        tmp_path / f"{name}.tif", "w", driver="GTiff", width=30, height=20, count=1, dtype="uint8", nodata=0,
        crs="EPSG:4326", transform=place,
    ) as file:  # fmt: skip
        file.write(np.full((1, 20, 30), 60, np.uint8))
    mask = np.zeros((20, 30), np.uint8)
    mask[3:5, 6:9] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    found = summarise_scenes(
        [str(tmp_path / f"{name}.tif")], BuildOptions(labels=str(tmp_path / "masks"), mask_class="natural_seep")
    )
    (summary,) = found.scenes
    assert (summary.scene_id, dict(summary.class_counts)) == (name, {"natural_seep": 1})
    assert str(summary.sensing_time) == "2020-08-02 14:16:46+00:00"
    lon_lat = np.array(summary.footprint)
    assert np.allclose([lon_lat.min(axis=0), lon_lat.max(axis=0)], [[50, 24.8], [50.3, 25]])
