"""Plain masks: the threshold, every form of image, and what is refused."""

import numpy as np
import pytest
from labels_help import CLASSES, L_SHAPE, rgba, save, save_palette
from PIL import Image

from ceruleanml.errors import LabelError
from ceruleanml.labels.masks import read_mask

SIZE = L_SHAPE.shape
GRAY = np.where(L_SHAPE, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("threshold, labelled", [(0, 4), (126, 3), (127, 2), (254, 1)])
def test_a_pixel_is_labelled_above_the_threshold(tmp_path, threshold, labelled):
    path = save(tmp_path / "a.png", [[0, 1, 127, 128, 255]])
    instance = read_mask(path, (1, 5), 1, threshold, "a")
    assert (instance.mask.sum(), instance.col) == (labelled, 5 - labelled)
    assert (instance.slick_id, instance.class_id, instance.source) == ("a/mask", 1, str(path))


@pytest.mark.parametrize("form", ["gray", "rgb", "rgba", "palette", "one_bit", "tiff"])
def test_every_form_of_a_mask_gives_the_same_instance(tmp_path, form):
    path = tmp_path / ("a.tif" if form == "tiff" else "a.png")
    if form in ("gray", "tiff"):
        save(path, GRAY)
    elif form == "rgb":
        save(path, np.dstack([GRAY] * 3))
    elif form == "rgba":
        save(path, rgba(L_SHAPE, (255, 255, 255)))
    elif form == "palette":
        save_palette(path, L_SHAPE, [(0, 0, 0), (255, 255, 255)])
    else:
        Image.fromarray(L_SHAPE).save(path)
    instance = read_mask(path, SIZE, 2)
    assert (instance.row, instance.col, instance.class_id) == (1, 1, 2)
    assert (instance.mask == L_SHAPE[1:, 1:4]).all()


def test_an_opaque_rgba_mask_is_read_by_its_brightness(tmp_path):
    opaque = np.dstack([GRAY, GRAY, GRAY, np.full(SIZE, 255, np.uint8)])
    assert read_mask(save(tmp_path / "a.png", opaque), SIZE, 1).mask.sum() == L_SHAPE.sum()


def test_an_empty_mask_is_no_instance(tmp_path):
    assert read_mask(save(tmp_path / "a.png", np.zeros(SIZE)), SIZE, 1) is None


def test_a_mask_of_zeros_and_ones_is_refused_with_the_option_that_reads_it(tmp_path):
    path = save(tmp_path / "a.png", L_SHAPE)
    with pytest.raises(LabelError, match=r"a\.png: holds zeros and ones.*--mask-threshold 0"):
        read_mask(path, SIZE, 1)
    assert read_mask(path, SIZE, 1, threshold=0).mask.sum() == L_SHAPE.sum()


def test_a_mask_of_another_size_and_a_cut_one_are_refused(tmp_path):
    path = save(tmp_path / "a.png", GRAY)
    with pytest.raises(LabelError, match=r"a\.png: is 4 x 5 pixels but its scene is 4 x 6"):
        read_mask(path, (4, 6), 1)
    tiff = save(tmp_path / "b.tif", np.random.default_rng(0).integers(0, 256, (200, 200)))
    tiff.write_bytes(tiff.read_bytes()[:9000])
    with pytest.raises(LabelError, match=r"b\.tif: (is truncated or damaged|cannot be read)"):
        read_mask(tiff, (200, 200), 1)
    jpeg = tmp_path / "c.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)).save(jpeg)
    jpeg.write_bytes(jpeg.read_bytes()[:9000])
    with pytest.raises(LabelError, match=r"c\.jpg: is truncated or damaged"):
        read_mask(jpeg, (200, 200), 1)


def test_real_masks(shared_data):
    paths = sorted((shared_data / "sos-sentinel1" / "masks").glob("*.png"))[:40]
    assert paths
    for path in paths:
        expected = np.asarray(Image.open(path).convert("RGB")).max(axis=2) > 127
        instance = read_mask(path, expected.shape, CLASSES.id_of("infra_slick"))
        assert (instance.mask.sum() if instance else 0) == expected.sum()
