"""Photopea layers: which pixels count, which class they are, and what is refused."""

import numpy as np
import pytest
from labels_help import BLUE, CLASSES, L_SHAPE, RED, WHITE, noisy_layer, rgba, save, save_palette
from PIL import Image

from ceruleanml.errors import LabelError
from ceruleanml.labels import pixels
from ceruleanml.labels.layers import class_by_name, find_layers, read_layer

SIZE = L_SHAPE.shape


def read(path, size=SIZE):
    return read_layer(path, size, CLASSES, "scene")


def whole(instance, size=SIZE):
    """The instance's mask laid into the full image."""
    mask = np.zeros(size, dtype=bool)
    height, width = instance.mask.shape
    mask[instance.row : instance.row + height, instance.col : instance.col + width] = instance.mask
    return mask


def as_rgba(path, mask):
    return save(path, rgba(mask, BLUE))


def as_rgb(path, mask):
    return save(path, rgba(mask, BLUE)[:, :, :3])


def as_palette_with_alpha(path, mask):
    return save_palette(path, mask, [(0, 0, 0), BLUE], [0, 255])


def as_palette_on_black(path, mask):
    return save_palette(path, mask, [(0, 0, 0), BLUE])


@pytest.mark.parametrize("write", [as_rgba, as_rgb, as_palette_with_alpha, as_palette_on_black])
def test_every_form_of_a_layer_gives_the_same_instance(tmp_path, write):
    instance = read(write(tmp_path / "infra_slick_1.png", L_SHAPE))
    assert instance.slick_id == "scene/infra_slick_1"
    assert CLASSES[instance.class_id].name == "infra_slick"
    assert (instance.row, instance.col, instance.mask.shape) == (1, 1, (3, 3))
    assert (whole(instance) == L_SHAPE).all()


@pytest.mark.parametrize("form", ["gray", "gray_alpha", "one_bit", "rgba"])
def test_gray_and_white_are_the_class_that_is_drawn_in_white(tmp_path, form):
    path = tmp_path / "ambiguous_1.png"
    gray = np.where(L_SHAPE, 200, 0).astype(np.uint8)
    if form == "gray":
        save(path, gray)
    elif form == "gray_alpha":
        save(path, np.dstack([gray, np.where(L_SHAPE, 255, 0)]))
    elif form == "one_bit":
        Image.fromarray(L_SHAPE).save(path)
    else:
        save(path, rgba(L_SHAPE, (200, 200, 200)))
    instance = read(path)
    assert CLASSES[instance.class_id].name == "ambiguous"
    assert (whole(instance) == L_SHAPE).all()


def test_half_opaque_pixels_and_more_are_labelled(tmp_path):
    alpha = np.array([[0, 1, 127, 128, 129, 255]], dtype=np.uint8)
    instance = read(save(tmp_path / "a.png", np.dstack([*(np.full((1, 6), c, np.uint8) for c in RED), alpha])), (1, 6))
    assert (instance.col, instance.mask.tolist()) == (3, [[True, True, True]])
    palette = save_palette(tmp_path / "b.png", [range(6)], [RED] * 6, alpha[0])
    assert read(palette, (1, 6)).mask.tolist() == [[True, True, True]]


def test_without_alpha_the_brightest_channel_decides_and_dark_edges_keep_the_class(tmp_path):
    row = np.array([[(0, 0, 0), (127, 0, 0), (128, 0, 0), (200, 0, 0), (255, 0, 0)]])
    instance = read(save(tmp_path / "a.png", row), (1, 5))
    assert (instance.col, instance.mask.tolist()) == (2, [[True, True, True]])
    assert CLASSES[instance.class_id].name == "coincident_vessel"


def test_parts_and_holes_stay_one_instance(tmp_path):
    mask = np.ones((9, 12), dtype=bool)
    mask[2:4, 2:4] = False
    mask[:, 6] = False
    instance = read(save(tmp_path / "a.png", rgba(mask, RED)), mask.shape)
    assert (instance.mask == mask).all()


def test_an_empty_layer_is_no_instance(tmp_path):
    assert read(save(tmp_path / "a.png", rgba(np.zeros(SIZE, dtype=bool), RED))) is None
    assert read(save(tmp_path / "b.png", rgba(L_SHAPE, RED, alpha=127))) is None


def test_reading_in_strips_equals_reading_whole(tmp_path, monkeypatch):
    mask = np.random.default_rng(0).random((300, 41)) < 0.01
    path = save(tmp_path / "a.png", rgba(mask, RED))
    assert (whole(read(path, mask.shape), mask.shape) == mask).all()
    monkeypatch.setattr(pixels, "WHOLE_BYTES", 0)
    assert (whole(read(path, mask.shape), mask.shape) == mask).all()


def test_layers_are_found_by_name_in_natural_order(tmp_path):
    for name in ("infra_slick_10.png", "x_Background.png", "infra_slick_2.PNG", ".hidden.png", "ambiguous_1.png",
                 "notes.txt", "Background.png", "gcps.json"):  # fmt: skip
        (tmp_path / name).touch()
    assert [path.name for path in find_layers(tmp_path)] == [
        "ambiguous_1.png", "infra_slick_2.PNG", "infra_slick_10.png",
    ]  # fmt: skip


def test_the_name_of_a_layer_names_its_class_where_it_does():
    table = {"old_vessel": "old_vessel", "old_vessel_12": "old_vessel", "S1A_X_Old_Vessel_2": "old_vessel"}
    assert {stem: CLASSES[class_by_name(stem, CLASSES)].name for stem in table} == table
    assert class_by_name("Layer 1", CLASSES) is None
    assert class_by_name("background", CLASSES) is None


def refusal(path, size=SIZE):
    with pytest.raises(LabelError) as caught:
        read(path, size)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_layer_of_another_size_is_refused_by_name(tmp_path):
    path = save(tmp_path / "a.png", rgba(L_SHAPE, RED))
    assert "is 4 x 5 pixels but its scene is 5 x 4; export both at one size" in refusal(path, (5, 4))


@pytest.mark.parametrize("colour", [(10, 20, 30), (255, 128, 0), (0, 0, 128)])
def test_an_unknown_colour_is_refused_with_the_known_ones(tmp_path, colour):
    message = refusal(save(tmp_path / "a.png", rgba(L_SHAPE, colour)))
    assert f"colour {colour} is no class's" in message
    assert "infra_slick (0, 0, 255)" in message


def test_two_classes_on_one_layer_are_refused(tmp_path):
    drawn = rgba(L_SHAPE, RED)
    drawn[3, 2:4] = (*BLUE, 255)
    message = refusal(save(tmp_path / "a.png", drawn))
    assert "coincident_vessel and infra_slick" in message
    assert "layer of its own" in message


def test_the_colour_of_the_background_is_refused(tmp_path):
    assert "is no slick; recolour or remove it" in refusal(save(tmp_path / "a.png", rgba(L_SHAPE, (0, 255, 255))))


def test_a_name_that_contradicts_the_colour_is_refused(tmp_path):
    message = refusal(save(tmp_path / "old_vessel_1.png", rgba(L_SHAPE, RED)))
    assert "is named old_vessel but its colour is that of coincident_vessel; rename or recolour it" in message


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, -20, -13, -12, -1])
@pytest.mark.parametrize("whole_bytes", [0, pixels.WHOLE_BYTES])
def test_a_truncated_layer_is_refused_however_it_is_read(tmp_path, monkeypatch, share, whole_bytes):
    monkeypatch.setattr(pixels, "WHOLE_BYTES", whole_bytes)
    path = noisy_layer(tmp_path / "a.png")
    content = path.read_bytes()
    path.write_bytes(content[: share if share < 0 else int(len(content) * share)])
    assert "truncated" in refusal(path, (64, 80))


def test_a_damaged_layer_is_refused(tmp_path):
    path = noisy_layer(tmp_path / "a.png")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert "damaged" in refusal(path, (64, 80))


def test_files_that_are_no_layers_are_refused(tmp_path):
    text = tmp_path / "a.png"
    text.write_text("not an image")
    assert "cannot be read as an image" in refusal(text)
    deep = tmp_path / "b.png"
    Image.fromarray(np.zeros(SIZE, dtype=np.uint16)).save(deep)
    assert "of 8 bits" in refusal(deep)
    assert "cannot be read" in refusal(tmp_path / "missing.png")


def test_the_real_ambiguous_layer(shared_data):
    path = shared_data / "gulf-of-oman" / "ambiguous_1.png"
    instance = read(path, (4181, 6458))
    image = Image.open(path)
    opacity = np.array(list(image.info["transparency"]) + [255] * 256)[np.asarray(image)]
    assert len(np.unique(opacity)) == 23  # transparent and 22 levels
    assert CLASSES[instance.class_id].photopea == WHITE
    assert (whole(instance, (4181, 6458)) == (opacity >= 128)).all()
    assert instance.mask.sum() == 23352
    assert round(100 * instance.mask.sum() / (4181 * 6458), 3) == 0.086
