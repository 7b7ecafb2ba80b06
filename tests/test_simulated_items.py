"""Simulated catalogues and spectra: the same from one seed, and with what they say they have."""

import csv

import numpy as np
import pytest

from ceruleanml.errors import UsageError
from ceruleanml.seeds import generator
from ceruleanml.selection.simulated_items import (
    LINES,
    PIXELS,
    galaxy,
    simulate_catalogue,
    simulate_spectra,
    spectra_columns,
    spectrum,
)
from ceruleanml.selection.spectra_columns import read_columns


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_votes_follow_the_true_share(tmp_path):
    rows = rows_of(simulate_catalogue(tmp_path, 60))
    assert [row["id_str"] for row in rows[:8]] == [f"00{number}" for number in range(8)]
    k, n, true = (np.array([float(row[name]) for row in rows]) for name in ("k", "N", "featured"))
    assert (k <= n).all() and n.min() >= 5 and n.max() <= 40
    assert np.corrcoef(k / n, true)[0, 1] > 0.9
    assert {row["file_loc"].rsplit(".")[-1] for row in rows} == {"png", "fits"}
    assert all((tmp_path / row["file_loc"]).is_file() for row in rows)


def test_one_seed_one_catalogue(tmp_path):
    made = [simulate_catalogue(tmp_path / str(run), 6, seed, ("png", "jpeg", "fits")) for run, seed in enumerate("001")]
    files = [{path.name: path.read_bytes() for path in one.parent.rglob("*") if path.is_file()} for one in made]
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_some_galaxies_without_votes(tmp_path):
    rows = rows_of(simulate_catalogue(tmp_path, 30, unlabelled_share=0.5))
    assert 5 < sum(row["k"] == row["N"] == "" for row in rows) < 25


def test_an_unknown_format(tmp_path):
    with pytest.raises(UsageError, match="format bmp is not known; there are png, jpeg, fits"):
        simulate_catalogue(tmp_path, 1, formats=("bmp",))


def unevenness(image):
    """How far the light varies along circles at mid radius, relative to its mean there."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    ring = np.abs(np.hypot(rows, columns) - 12) < 3
    angle = (np.arctan2(rows, columns)[ring] * 4 / np.pi + 4).astype(int) % 8
    means = [image[ring][angle == part].mean() for part in range(8)]
    return np.std(means) / np.mean(means)


def test_featured_galaxies_have_arms():
    smooth, featured = (
        np.mean([unevenness(galaxy(share, generator(seed, "test")).astype(float)) for seed in range(12)])
        for share in (0.0, 1.0)
    )
    assert featured > 1.5 * smooth


def test_a_spectrum_is_the_same_in_each_format(tmp_path):
    columns = spectra_columns(7)
    for suffix in ("parquet", "npz", "fits"):
        found = read_columns(simulate_spectra(tmp_path / f"spectra.{suffix}", 7))
        assert set(found) == {name.lower() for name in columns}
        for name, values in columns.items():
            np.testing.assert_array_equal(np.asarray(found[name.lower()]), values, err_msg=f"{suffix} {name}")


def test_lines_are_where_the_columns_say():
    columns = spectra_columns(40)
    wavelengths = np.geomspace(3600, 9800, PIXELS)
    quasars = columns["class"] == "quasar"
    assert np.isfinite(columns["line_CIV"][quasars]).any()
    for name in LINES:
        places = columns[f"line_{name}"]
        assert not np.isfinite(places[columns["class"] == "star"]).any()
        seen = np.isfinite(places)
        np.testing.assert_allclose(places[seen], (LINES[name] * (1 + columns["z"]))[seen])
    light = spectrum("quasar", 2.0, wavelengths, generator(0, "test"))
    near = np.abs(wavelengths / (LINES["CIV"] * 3) - 1) < 0.05
    assert abs(wavelengths[near][light[near].argmax()] / (LINES["CIV"] * 3) - 1) < 0.01


def test_an_unknown_suffix(tmp_path):
    with pytest.raises(UsageError, match=r"not written as .txt; name it .parquet, .npz or .fits"):
        simulate_spectra(tmp_path / "spectra.txt", 2)
