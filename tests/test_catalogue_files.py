"""Catalogues and their images: ids as text, votes that can be, and the same pixels whatever the format."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from items_made import VOTES, contents

from ceruleanml.errors import CeruleanError, SelectionError, UsageError
from ceruleanml.selection.catalogue_files import Columns, parse_votes, read_catalogue
from ceruleanml.selection.catalogue_images import read_image, stretch
from ceruleanml.selection.catalogue_split import define_experiment
from ceruleanml.selection.simulated_items import simulate_catalogue, write_image


def write(path, *lines):
    path.write_text("\n".join(("id_str,file_loc,k,N", *lines)) + "\n")
    return path


def test_ids_stay_text_and_empty_cells_are_no_votes(tmp_path):
    path = write(tmp_path / "c.csv", "007,a.png,3,5", "7,/b.png,,", "1e5, c.png ,NaN,nan", "x,d.png,4.0,9.0", "y,e,0,0")
    found = read_catalogue(path, VOTES)
    assert found.ids == ("007", "7", "1e5", "x", "y") == found.groups
    assert (found.k.tolist(), found.n.tolist()) == ([3, 0, 0, 4, 0], [5, -1, -1, 9, 0])
    assert [str(file) for file in found.files[:3]] == [str(tmp_path / "a.png"), "/b.png", str(tmp_path / "c.png")]


def test_columns_by_name(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("iauname,path,smooth,total,field\nJ1,a.png,1,2,f\n", encoding="utf-8-sig")
    found = read_catalogue(path, Columns(("smooth", "total"), group="field"))
    assert (found.ids, found.groups, found.n.tolist()) == (("J1",), ("f",), [2])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,a.png,6,5", "row 2: k 6 is more than N 5"),
        ("1,a.png,1.5,5", "row 2: k '1.5' is no count of votes; give a whole number or nothing"),
        ("1,a.png,1,inf", "row 2: N 'inf' is no count"),
        ("1,a.png,-1,5", "row 2: k '-1' is no count"),
        ("1,a.png,many,5", "row 2: k 'many' is no count"),
        ("1,a.png,nan,5", "row 2 has no k but the other; give both or neither"),
        ("1,a.png,1", "row 2 has 3 cells for 4 columns"),
        (",a.png,1,5", "row 2 has no id_str"),
        ("1,,1,5", "row 2: 1 names no image"),
        ("1,a.png,1,5\n2,b,,\n1,b,,", "rows 2 and 4 have the same id_str 1; keep one of them"),
    ],
)
def test_rows_that_cannot_be(tmp_path, line, message):
    with pytest.raises(SelectionError, match=message) as failed:
        read_catalogue(write(tmp_path / "c.csv", line), VOTES)
    assert "c.csv" in str(failed.value) and "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is no CSV in UTF-8"),
        (b"id,id\n", "two columns have the same name"),
        (b"number,file,k,N\n", "has no column of ids .* name it in the settings"),
        (b"id,k,N\n", "has no column of image files"),
        (b"id,file,k,total\n", "has no column N, but id, file, k, total; name the right one"),
    ],
)
def test_files_that_are_no_catalogue(tmp_path, content, message):
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    with pytest.raises(SelectionError, match=message):
        read_catalogue(path, VOTES)


def test_a_missing_catalogue_and_missing_images(tmp_path):
    with pytest.raises(CeruleanError, match=r"c.csv: cannot be read: No such file"):
        read_catalogue(tmp_path / "c.csv", VOTES)
    found = read_catalogue(write(tmp_path / "c.csv", "007,a.png,1,2"), VOTES)
    with pytest.raises(SelectionError, match=r"c.csv: row 2: the image .*a.png of 007 is missing; put it there or"):
        found.file_of(0)


@pytest.mark.parametrize("text", ["k", "k,N,x", "k,", "k,k", ""])
def test_votes_are_two_columns(text):
    with pytest.raises(UsageError, match="are not two columns"):
        parse_votes(text)
    assert parse_votes(" k , N ") == ("k", "N")


@pytest.fixture
def pixels():
    rows, columns = np.mgrid[:32, :32]
    return (128 + 100 * np.sin(rows / 6) * np.cos(columns / 9)).astype(np.uint8)  # smooth, or JPEG would bend it


@pytest.mark.parametrize("side", [32, 16, 48])
def test_formats_are_read_alike(tmp_path, pixels, side):
    found = {}
    for suffix in ("png", "jpeg", "fits"):
        write_image(tmp_path / f"a.{suffix}", pixels)
        found[suffix] = read_image(tmp_path / f"a.{suffix}", side)
        assert found[suffix].shape == (1, side, side) and found[suffix].dtype == np.float32
        assert found[suffix].min() >= 0 and found[suffix].max() <= 1
    np.testing.assert_array_equal(found["png"], found["fits"])
    np.testing.assert_allclose(found["jpeg"], found["png"], atol=0.03)
    if side == 32:
        np.testing.assert_array_equal(found["png"][0], (pixels / 255).astype(np.float32))


def test_bands(tmp_path, pixels):
    from PIL import Image

    colour = np.stack([pixels, pixels // 2, pixels // 4, np.full_like(pixels, 9)], axis=-1)
    Image.fromarray(colour, "RGBA").save(tmp_path / "c.png")
    planes = np.moveaxis(colour[..., :3], -1, 0)  # without what is transparent
    np.testing.assert_allclose(read_image(tmp_path / "c.png", 32, 3) * 255, planes, atol=1e-4)
    np.testing.assert_allclose(read_image(tmp_path / "c.png", 32)[0] * 255, planes.mean(axis=0), atol=1e-4)
    Image.fromarray(pixels).save(tmp_path / "g.png")
    assert (read_image(tmp_path / "g.png", 32, 3) == read_image(tmp_path / "g.png", 32)).all()
    palette = Image.fromarray(colour[..., :3]).convert("P")
    palette.save(tmp_path / "p.png")
    planes = np.moveaxis(np.asarray(palette.convert("RGB")), -1, 0)
    np.testing.assert_allclose(read_image(tmp_path / "p.png", 32, 3) * 255, planes, atol=1e-4)
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "w.png")
    np.testing.assert_allclose(read_image(tmp_path / "w.png", 32), read_image(tmp_path / "g.png", 32), atol=1e-6)


def test_the_central_square_is_taken(tmp_path, pixels):
    write_image(tmp_path / "a.png", pixels[:, 4:28])
    np.testing.assert_allclose(read_image(tmp_path / "a.png", 24)[0] * 255, pixels[4:28, 4:28], atol=1e-4)


def test_fits_of_three_axes_and_floats(tmp_path):
    from astropy.io import fits

    cube = np.random.default_rng(0).normal(size=(3, 20, 20)).astype(">f4")
    cube[:, 3, 4] = np.nan
    for name, data in (("a", cube), ("b", np.moveaxis(cube, 0, 2))):
        units = [fits.PrimaryHDU(), fits.ImageHDU(data)]
        fits.HDUList(units).writeto(tmp_path / f"{name}.fits")
    first, last = (read_image(tmp_path / f"{name}.fits", 20, 3) for name in "ab")
    np.testing.assert_array_equal(first, last)
    assert first[0, 16, 4] == 0  # no number, and the first row of FITS is the lowest
    assert first.min() == 0 and first.max() == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_a_stretch_forgets_offset_and_scale(offset, scale):
    values = np.arange(100.0).reshape(1, 10, 10) ** 2
    np.testing.assert_allclose(stretch(offset + scale * values), stretch(values), atol=1e-4)


def test_stretch_by_hand():
    values = np.linspace(0, 1, 401).reshape(1, 1, 401)  # its percentiles .25 and 99.75 are .0025 and .9975
    found = stretch(values)[0, 0]
    assert (found[0], found[-1]) == (0, 1)
    assert found[200] == pytest.approx(np.arcsinh(5) / np.arcsinh(10))
    assert not stretch(np.full((1, 3, 3), 7.0)).any()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.png", b"no image", "is no PNG and no JPEG, and not named .fits"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "cannot be read as FITS, PNG or JPEG"),
        ("a.fits", b"SIMPLE", "cannot be read as FITS"),
        ("a.fits", b"", "cannot be read as FITS"),
    ],
)
def test_broken_images(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SelectionError, match=message) as failed:
        read_image(tmp_path / name, 16)
    assert "\n" not in str(failed.value)


def test_fits_without_a_pixel(tmp_path):
    from astropy.io import fits

    fits.PrimaryHDU(np.full((4, 4), np.nan)).writeto(tmp_path / "n.fits")
    with pytest.raises(SelectionError, match="holds no pixel that is a number"):
        read_image(tmp_path / "n.fits", 16)
    fits.PrimaryHDU(np.zeros(4)).writeto(tmp_path / "l.fits")
    with pytest.raises(SelectionError, match="holds no image of two or three axes"):
        read_image(tmp_path / "l.fits", 16)


def parts_of(out):
    names = ("labelled", "unlabelled", "simulation/evaluation", "simulation/pool", "simulation/start")
    return {name.split("/")[-1]: list(csv.DictReader((out / f"{name}.csv").read_text().splitlines())) for name in names}


def test_a_split(tmp_path):
    master = simulate_catalogue(tmp_path / "master", 40, unlabelled_share=0.3)
    made = define_experiment(master, tmp_path / "out", Columns(("k", "N"), group="field"), 0.25, start=5)
    parts = parts_of(tmp_path / "out")
    ids = {name: [row["id_str"] for row in rows] for name, rows in parts.items()}
    assert sorted(ids["labelled"] + ids["unlabelled"]) == [f"{number:03d}" for number in range(40)]
    assert sorted(ids["evaluation"] + ids["pool"]) == ids["labelled"]
    assert set(ids["start"]) < set(ids["pool"]) and len(ids["start"]) == 5
    assert (tmp_path / "out" / "simulation" / "start_ids.txt").read_text().split() == ids["start"]
    assert not {row["field"] for row in parts["evaluation"]} & {row["field"] for row in parts["pool"]}
    assert 0.25 <= len(ids["evaluation"]) / len(ids["labelled"]) < 0.45
    assert all(row["N"] == "" for row in parts["unlabelled"])
    counts = [made.labelled, made.unlabelled, made.evaluation, made.pool, made.start]
    assert counts == [len(ids[name]) for name in ("labelled", "unlabelled", "evaluation", "pool", "start")]
    pool = read_catalogue(tmp_path / "out" / "simulation" / "pool.csv", Columns(("k", "N")))
    assert all(pool.file_of(row).is_file() for row in range(len(pool)))
    for name in ("labelled", "unlabelled", "simulation/pool"):
        task = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert task["task"] == "catalogue" and task["settings"]["group"] == "field"
        assert task["settings"]["catalogue"] == str(tmp_path / "out" / f"{name}.csv")


def test_a_split_does_not_hang_on_the_order_of_rows(tmp_path):
    master = simulate_catalogue(tmp_path, 30)
    header, *rows = master.read_text().splitlines()
    (tmp_path / "turned.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
    for name, path, seed in (("a", master, 0), ("b", tmp_path / "turned.csv", 0), ("c", master, 1)):
        define_experiment(path, tmp_path / name, VOTES, start=4, seed=seed)
    ids = [{key: {row["id_str"] for row in rows} for key, rows in parts_of(tmp_path / n).items()} for n in "abc"]
    assert ids[0] == ids[1] != ids[2]


def test_a_split_again_and_another(tmp_path):
    master = simulate_catalogue(tmp_path, 20)
    define_experiment(master, tmp_path / "out", VOTES)
    before = contents(tmp_path / "out")
    assert define_experiment(master, tmp_path / "out", VOTES).was_there
    with pytest.raises(SelectionError, match="holds a split of another catalogue or with other options"):
        define_experiment(master, tmp_path / "out", VOTES, seed=1)
    assert contents(tmp_path / "out") == before


def test_splits_that_cannot_be(tmp_path):
    master = write(tmp_path / "c.csv", "1,a.png,1,5", "2,b.png,,")
    with pytest.raises(SelectionError, match="has votes for 1 items or groups; two or more are needed"):
        define_experiment(master, tmp_path / "out", VOTES)
    with pytest.raises(UsageError, match="evaluation share 1 cannot be"):
        define_experiment(master, tmp_path / "out", VOTES, 1.0)
    with pytest.raises(UsageError, match="start 0 cannot be"):
        define_experiment(master, tmp_path / "out", VOTES, start=0)
