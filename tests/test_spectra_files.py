"""Files of spectra: formats read alike, grids, boxes of lines, and what is wrong said in one line."""

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from ceruleanml.errors import CeruleanError, SelectionError
from ceruleanml.selection.simulated_items import LINES, simulate_spectra
from ceruleanml.selection.spectra_files import LineTable, read_spectra
from ceruleanml.selection.spectra_grid import Grid, boxes_of, normalised, rebinned

GRID = Grid(3600, 9800, 256)
SMALL = Grid(4000, 8000, 5)
NO_LINES = LineTable({})


def save(path, **columns):
    np.savez(path, **{name: np.asarray(values) for name, values in columns.items()})
    return path


def two(**columns):
    """Two spectra of five pixels."""
    return {"id": ["007", "7"], "flux": [[1.0, 2, 3, 4, 5], [5.0, 4, 3, 2, 1]], **columns}


def test_formats_are_read_alike(tmp_path):
    table = LineTable(LINES)
    read = [
        read_spectra(simulate_spectra(tmp_path / f"s.{suffix}", 9), GRID, table, group="field")
        for suffix in ("parquet", "npz", "fits")
    ]
    for one in read:
        assert one.ids[7] == "007" and one.groups[3] == "field_3" and one.lines_known.all()
        assert (one.ids, one.groups, one.classes) == (read[0].ids, read[0].groups, read[0].classes)
        np.testing.assert_array_equal(one.flux, read[0].flux)
        np.testing.assert_array_equal(one.lines, read[0].lines)
    np.testing.assert_allclose(read[0].flux.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(read[0].flux.std(axis=1), 1, atol=1e-5)


def test_a_folder_of_fits_files_as_the_sloan_survey_writes_them(tmp_path):
    from astropy.io import fits
    from astropy.table import Table

    wavelengths = np.geomspace(3000, 9000, 200)
    for name, kind, z in (("spec-2", "QSO", 1.5), ("spec-1", "STAR", 0.0)):
        flux = 1 + np.exp(-0.5 * ((np.log(wavelengths / (1549 * 2.5))) / 0.01) ** 2)
        coadd = Table({"flux": flux, "loglam": np.log10(wavelengths), "ivar": np.ones(200)})
        about = Table({"CLASS": [kind], "Z": [z]})
        units = [fits.PrimaryHDU(), fits.table_to_hdu(coadd), fits.table_to_hdu(about)]
        fits.HDUList(units).writeto(tmp_path / f"{name}.fits")
    found = read_spectra(tmp_path, Grid(3600, 8000, 100), LineTable({"CIV": 1549}, ("QSO",)))
    assert (found.ids, found.classes) == (("spec-1", "spec-2"), ("STAR", "QSO"))
    np.testing.assert_allclose(found.lines, [[np.nan], [1549 * 2.5]])
    assert found.lines_known.all()
    assert Grid(3600, 8000, 100).wavelengths[found.flux[1].argmax()] == pytest.approx(1549 * 2.5, rel=0.01)


def test_lists_of_different_lengths_go_onto_the_grid(tmp_path):
    table = pyarrow.table(
        {
            "id": ["a", "b"],
            "flux": [[1.0, 2, 3, 4, 5], [1.0, 5.0]],
            "wavelength": [SMALL.wavelengths.tolist(), [4000.0, 8000.0]],
        }
    )
    parquet.write_table(table, tmp_path / "s.parquet")
    found = read_spectra(tmp_path / "s.parquet", SMALL, NO_LINES)
    np.testing.assert_allclose(found.flux[0], normalised(np.array([[1.0, 2, 3, 4, 5]]), np.ones((1, 5)))[0])
    assert (np.diff(found.flux[1]) > 0).all()


def test_ids_of_whole_numbers_are_written_out(tmp_path):
    path = save(tmp_path / "s.npz", **{**two(), "id": [39627652591521181, 5]})
    assert read_spectra(path, SMALL, NO_LINES).ids == ("39627652591521181", "5")


def test_what_is_no_number_holds_no_data(tmp_path):
    flux, ivar = [[1.0, np.nan, 3, 3, 1], [1.0, 9, 3, 3, 1]], [[1.0] * 5, [1.0, 0, 1, 1, 1]]
    path = save(tmp_path / "s.npz", **two(flux=flux, ivar=ivar))
    first, second = read_spectra(path, SMALL, NO_LINES).flux
    np.testing.assert_allclose(first, [-1, 0, 1, 1, -1])
    np.testing.assert_array_equal(first, second)


def test_lines_from_z_or_from_columns(tmp_path):
    columns = two(**{"class": ["quasar", "star"], "z": [2.0, 0.0]})
    z = read_spectra(save(tmp_path / "z.npz", **columns), SMALL, LineTable({"A": 2000, "B": 3000}, ("quasar",)))
    np.testing.assert_array_equal(z.lines, [[6000, np.nan], [np.nan, np.nan]])  # 9000 is beyond the grid
    assert z.lines_known.tolist() == [True, True]
    path = save(tmp_path / "c.npz", **columns, line_B=[5000.0, np.nan])
    given_ = read_spectra(path, SMALL, LineTable({"A": 2000, "B": 3000}, ("quasar",)))
    np.testing.assert_array_equal(given_.lines, [[np.nan, 5000], [np.nan, np.nan]])
    unknown = read_spectra(tmp_path / "z.npz", SMALL, LineTable({"A": 2000}))
    assert unknown.lines_known.tolist() == [False, False]
    no_z = save(tmp_path / "n.npz", **{**columns, "z": [np.nan, np.nan], "class": ["quasar", ""]})
    assert read_spectra(no_z, SMALL, LineTable({"A": 2000}, ("quasar",))).lines_known.tolist() == [False, False]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"flux": [[1.0] * 4] * 2}, r"row 1 \(007\) has 4 fluxes for a grid of 5 pixels; set pixels, or add a column"),
        ({"flux": [[1.0] * 5, [np.nan] * 5]}, r"row 2 \(7\) has no data from 4000 to 8000 angstrom; take it out"),
        ({"flux": ["a", "b"]}, r"row 1 \(007\): its flux is no list of numbers"),
        ({"ivar": [[1.0] * 5, [-1.0] * 5]}, r"row 2 \(7\) has a weight below 0"),
        ({"ivar": [[1.0] * 4] * 2}, "has 5 fluxes and 4 weights"),
        ({"wavelength": [4000.0, 5000]}, "has 5 fluxes and other or no wavelength"),
        ({"wavelength": [1.0, 2, 3, 4, 5]}, "has no data from 4000 to 8000 angstrom"),
        ({"id": ["a", "a"]}, "row 2 has the id a of row 1; give each spectrum its own"),
        ({"id": ["a", " "]}, "row 2 has no id"),
        ({"id": [1.0, 2.0]}, "row 1: the id 1.0 is no text; write ids as text"),
        ({"id": ["a", "b", "c"]}, r"columns are of different lengths \(flux 2, id 3\)"),
        ({"id": np.array([{}, {}])}, "cannot be read as .npz of plain arrays"),
    ],
)
def test_spectra_that_cannot_be(tmp_path, columns, message):
    with pytest.raises(SelectionError, match=message) as failed:
        read_spectra(save(tmp_path / "s.npz", **two(**columns)), SMALL, NO_LINES)
    assert "s.npz" in str(failed.value) and "\n" not in str(failed.value)


def test_columns_that_are_missing(tmp_path):
    with pytest.raises(SelectionError, match="has no column flux, but id; name the fluxes so"):
        read_spectra(save(tmp_path / "s.npz", id=["a"]), SMALL, NO_LINES)
    with pytest.raises(SelectionError, match="has no column of ids"):
        read_spectra(save(tmp_path / "s.npz", flux=[[1.0] * 5]), SMALL, NO_LINES)
    with pytest.raises(SelectionError, match="has no column plate"):
        read_spectra(save(tmp_path / "s.npz", **two()), SMALL, NO_LINES, group="plate")


@pytest.mark.parametrize("name", ["s.npz", "s.fits", "s.parquet"])
def test_files_that_are_none(tmp_path, name):
    with pytest.raises(CeruleanError, match=r"cannot be read: No such file"):
        read_spectra(tmp_path / name, SMALL, NO_LINES)
    (tmp_path / name).write_bytes(b"something else entirely")
    with pytest.raises(SelectionError, match=r"cannot be read as .npz|is no FITS file|holds no spectra; give Parquet"):
        read_spectra(tmp_path / name, SMALL, NO_LINES)


def test_an_empty_folder(tmp_path):
    with pytest.raises(SelectionError, match="holds no FITS file; give Parquet, .npz, a FITS table or a folder"):
        read_spectra(tmp_path, SMALL, NO_LINES)


def test_boxes_by_hand():
    box, place = boxes_of(np.array([0.0, 0.24, 0.5, 1.0, 1.01, -0.01, np.nan]), 4)
    assert box.tolist() == [0, 0, 2, 3, -1, -1, -1]
    np.testing.assert_allclose(place[:4], [0, 0.96, 0, 1])


@given(st.lists(st.floats(4000, 8000), min_size=1, max_size=9), st.integers(1, 20))
def test_a_place_in_a_box_leads_back_to_the_wavelength(wavelengths, boxes):
    box, place = boxes_of(SMALL.shares(np.array(wavelengths)), boxes)
    np.testing.assert_allclose(SMALL.wavelengths_at((box + place) / boxes), wavelengths)


def test_rebinning_weighs_and_leaves_gaps():
    grid = Grid(100, 1600, 5)  # 100, 200, 400, 800, 1600
    wavelengths = np.array([100.0, 101, 198, 202, 1600])
    flux, ivar = np.array([1.0, 4, 2, 2, 7]), np.array([2.0, 1, 1, 1, 1])
    means, weights = rebinned(wavelengths, flux, ivar, grid)
    np.testing.assert_allclose(means, [2, 2, 0, 0, 7])
    np.testing.assert_allclose(weights, [3, 2, 0, 0, 1])


@given(st.permutations(range(40)))
def test_rebinning_does_not_hang_on_the_order(order):
    wavelengths = np.geomspace(3900, 8100, 40)
    flux, ivar = np.sin(np.arange(40.0)), 1 + np.arange(40.0) % 3
    straight = rebinned(wavelengths, flux, ivar, SMALL)
    turned = rebinned(wavelengths[order], flux[order], ivar[order], SMALL)
    np.testing.assert_allclose(turned, straight)
