"""Pictures of a queue's items for volunteers, and the metadata by which drawings find their way back."""

import csv
import json

import numpy as np
import pytest
from crowd_made import samples, subject_of, write_crowd_page
from rasterio.io import MemoryFile

from ceruleanml.annotation.zooniverse_subjects import picture_of, subjects_of, write_subjects


def read_gray(content):
    with MemoryFile(content) as memory, memory.open() as file:
        return file.read(1)


def test_pictures_show_the_window_in_the_scene_s_stretch(tmp_path):
    scene = samples(700, 1_200)
    page = write_crowd_page(tmp_path / "page", scene, [[500, 480, 60, 100]], stretch=[40.0, 140.0])
    content, ending = picture_of(page, subject_of(page))
    expected = np.rint(np.clip((scene[500:560, 480:580].astype(np.float32) - 40) * np.float32(2.55), 0, 255))
    assert ending == "png"
    assert np.abs(read_gray(content) - expected).max() <= 1


def test_16_bit_samples_and_nodata_are_shown_too(tmp_path):
    scene = samples().astype(np.uint16) * 100
    scene[:10] = 0
    page = write_crowd_page(tmp_path / "page", scene, stretch=[3_000.0, 15_000.0])
    shown = read_gray(picture_of(page, subject_of(page))[0])
    assert shown.dtype == np.uint8
    assert (shown[:10] == 0).all()
    assert 60 < shown[10:].mean() < 200


def test_a_large_picture_is_a_jpeg(tmp_path):
    scene = np.random.default_rng(0).integers(1, 255, (1_300, 1_400), dtype=np.uint8)
    page = write_crowd_page(tmp_path / "page", scene, [None])
    content, ending = picture_of(page, subject_of(page))
    assert (ending, content[:3]) == ("jpg", b"\xff\xd8\xff")
    assert read_gray(content).shape == (1_300, 1_400)


def test_a_wide_item_is_shown_smaller(tmp_path):
    scene = samples(1_540, 1_600)
    page = write_crowd_page(tmp_path / "page", scene, [None], stretch=[0.0, 255.0])
    subject = subject_of(page)
    shown = read_gray(picture_of(page, subject)[0])
    assert (subject.scale, shown.shape) == (2, (770, 800))
    means = scene.reshape(770, 2, 800, 2).mean(axis=(1, 3))
    assert np.abs(shown - means).max() <= 2


def test_files_for_the_project_s_own_page_carry_the_same_metadata(tmp_path):
    page = write_crowd_page(tmp_path / "page")
    paths = write_subjects(page, tmp_path / "files")
    rows = list(csv.DictReader((tmp_path / "files" / "manifest.csv").read_text().splitlines()))
    assert (
        [row.pop("filename") for row in rows]
        == [path.name for path in paths]
        == ["00001.png", "00002.png", "00003.png"]
    )
    assert rows == [subject.metadata for subject in subjects_of(page)]
    transform = json.loads(rows[1]["#transform"])
    assert transform[2] == pytest.approx(-76 + 0.0004 * 96)
    assert json.loads(rows[2]["#window"]) == [200, 500, 100, 100]
