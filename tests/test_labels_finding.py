"""Which labels belong to a scene: every place they may lie, and what happens with two or none."""

import json

import numpy as np
import pytest
from labels_help import BLUE, CLASSES, L_SHAPE, RED, rgba, save

from ceruleanml.errors import LabelError
from ceruleanml.labels.finding import NO_LABELS, labels_of

SIZE = L_SHAPE.shape
RING = [[1, 1], [2, 1], [2, 2], [1, 1]]
SLICK = {
    "type": "Feature", "properties": {"class": "old_vessel"},
    "geometry": {"type": "Polygon", "coordinates": [RING]},
}  # fmt: skip


def find(location, labels_dir=None, **more):
    return labels_of("scene", str(location), labels_dir, SIZE, CLASSES, **more)


def geojson(path, **members):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [SLICK], **members}))
    return path


def layers(folder):
    folder.mkdir()
    save(folder / "scene_Background.png", np.full(SIZE, 60))
    save(folder / "layer_10.png", rgba(L_SHAPE, BLUE))
    save(folder / "layer_2.png", rgba(L_SHAPE, RED))
    save(folder / "layer_3.png", rgba(np.zeros(SIZE, dtype=bool), RED))
    return folder


def test_layers_beside_a_photopea_background(tmp_path):
    folder = layers(tmp_path / "scene")
    labels = find(folder)
    assert [instance.slick_id for instance in labels.instances] == ["scene/layer_2", "scene/layer_10"]
    assert [CLASSES[instance.class_id].photopea for instance in labels.instances] == [RED, BLUE]
    assert labels.inputs == tuple(str(folder / f"layer_{n}.png") for n in (2, 3, 10))
    assert labels.notes == ("layer_3.png: holds no labelled pixel",)


def test_a_folder_of_layers_in_the_folder_of_labels(tmp_path):
    layers(tmp_path / "scene")
    assert len(find(tmp_path / "scene.tif", tmp_path).instances) == 2


def test_a_geojson_in_the_folder_of_labels_or_beside_the_scene(tmp_path):
    for name, labels_dir in (("scene.json", tmp_path), ("scene.geojson", tmp_path), ("scene.geojson", None)):
        path = geojson(tmp_path / name)
        labels = find(tmp_path / "scene.tif", labels_dir)
        assert [instance.slick_id for instance in labels.instances] == ["scene/1"]
        assert (labels.inputs, labels.notes) == ((str(path),), ())
        path.unlink()


def test_a_file_that_is_not_complete_says_so(tmp_path):
    geojson(tmp_path / "scene.geojson", complete=False)
    assert "not marked complete" in find(tmp_path / "scene.tif").notes[0]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_a_mask_of_the_same_stem(tmp_path, suffix):
    path = save(tmp_path / f"scene{suffix}", np.full(SIZE, 255))
    labels = find(tmp_path / "images" / "scene.png", tmp_path, mask_class=4)
    (instance,) = labels.instances
    assert (instance.class_id, instance.mask.all(), labels.inputs) == (4, True, (str(path),))


def test_a_mask_below_the_threshold_is_noted(tmp_path):
    path = save(tmp_path / "scene.png", np.full(SIZE, 100))
    labels = find("images/scene.png", tmp_path)
    assert (labels.instances, labels.inputs) == ((), (str(path),))
    assert labels.notes == ("its mask holds no pixel above 127",)
    assert find("images/scene.png", tmp_path, mask_threshold=99).instances


@pytest.mark.parametrize("labels_dir", [True, False])
def test_a_scene_without_labels_is_noted_as_one_without_slicks(tmp_path, labels_dir):
    save(tmp_path / "scene.png", np.full(SIZE, 255))
    labels = find(tmp_path / "scene.png", tmp_path if labels_dir else None)
    assert (labels.instances, labels.inputs, labels.notes) == ((), (), (NO_LABELS,))
    assert find("gs://bucket/scene.tif").notes == (NO_LABELS,)


def test_two_labels_of_one_scene_are_refused_naming_both(tmp_path):
    geojson(tmp_path / "scene.geojson")
    save(tmp_path / "scene.png", np.full(SIZE, 255))
    with pytest.raises(LabelError, match=r"scene\.geojson and .*scene\.png: both label scene scene; keep one"):
        find("images/scene.png", tmp_path)
    folder = layers(tmp_path / "scene")
    with pytest.raises(LabelError, match=r"scene\.geojson and .*/scene: both label"):
        find(folder)


def test_a_folder_of_labels_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LabelError, match=r"nowhere: no such folder; --labels"):
        find("scene.png", tmp_path / "nowhere")


def test_a_folder_without_layers_is_noted_and_one_of_geojson_files_refused(tmp_path):
    (tmp_path / "scene").mkdir()
    assert "holds no layer (PNG)" in find("scene.tif", tmp_path).notes[0]
    geojson(tmp_path / "scene" / "20200101_ann.geojson")
    with pytest.raises(LabelError, match=r"/scene: holds GeoJSON but no layers; put one file scene\.geojson beside"):
        find("scene.tif", tmp_path)
