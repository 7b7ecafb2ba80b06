"""Calibration and noise: the real XML exactly, the arithmetic by eye, and damaged XML refused by name."""

from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pytest
from safe_product import calibration_xml, noise_xml
from scipy.interpolate import RegularGridInterpolator

from ceruleanml.errors import SceneError
from ceruleanml.scenes.calibration import db_bytes, dn_bytes, parse_calibration, parse_noise, sigma0

REAL = "S1A_IW_GRDH_1SDV_20210119T031653_20210119T031718_036201_043ED0_8255"
WIDTH, HEIGHT = 25931, 16854


@pytest.fixture(scope="module")
def real_xml(shared_data: Path) -> dict[str, bytes]:
    """The real product's VV calibration and noise XML."""
    with ZipFile(shared_data / "safe" / f"{REAL}.zip") as archive:
        return {
            kind: archive.read(name)
            for name in archive.namelist()
            for kind in ("calibration", "noise")
            if f"/calibration/{kind}-s1a-iw-grd-vv" in name
        }


def vectors_by_hand(content: bytes, vector: str, tag: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Lines (n,), pixels (m,) and values (n, m) as the XML writes them."""
    found = list(ElementTree.fromstring(content).iter(vector))
    lines = [int(element.findtext("line")) for element in found]
    pixels = [[int(text) for text in element.findtext("pixel").split()] for element in found]
    assert all(row == pixels[0] for row in pixels)
    values = [[float(text) for text in element.findtext(tag).split()] for element in found]
    return lines, np.array(pixels[0]), np.array(values)


def test_real_calibration_at_its_nodes_is_what_the_xml_says(real_xml):
    lines, pixels, values = vectors_by_hand(real_xml["calibration"], "calibrationVector", "sigmaNought")
    table = parse_calibration(real_xml["calibration"], "real").across(WIDTH)
    assert (len(lines), len(pixels)) == (27, 650)
    for line, expected in zip(lines, values, strict=True):
        assert np.array_equal(table.rows(line, line + 1)[0, pixels], expected)


def test_real_calibration_between_nodes_is_bilinear(real_xml):
    lines, pixels, values = vectors_by_hand(real_xml["calibration"], "calibrationVector", "sigmaNought")
    table = parse_calibration(real_xml["calibration"], "real").across(WIDTH)
    oracle = RegularGridInterpolator((lines, pixels), values)
    for start in (0, 337, 673, 9000, HEIGHT - 3):
        rows, cols = np.mgrid[start : start + 3, 0:WIDTH]
        assert table.rows(start, start + 3) == pytest.approx(oracle((rows, cols)), rel=1e-12)
    middle = (values[0, 0] + values[0, 1] + values[1, 0] + values[1, 1]) / 4
    assert table.rows(337, 338)[0, 20] == pytest.approx(middle, rel=1e-14)  # lines 0 and 674, pixels 0 and 40


def test_real_noise_is_range_times_azimuth_of_the_swath(real_xml):
    lines, pixels, values = vectors_by_hand(real_xml["noise"], "noiseRangeVector", "noiseRangeLut")
    table = parse_noise(real_xml["noise"], "real").across(WIDTH)
    blocks = list(ElementTree.fromstring(real_xml["noise"]).iter("noiseAzimuthVector"))
    factors = np.ones((HEIGHT, 3))
    for swath, block in enumerate(blocks):
        known = [[float(text) for text in block.findtext(tag).split()] for tag in ("line", "noiseAzimuthLut")]
        factors[:, swath] = np.interp(np.arange(HEIGHT), *known)
    first = [int(block.findtext("firstRangeSample")) for block in blocks]
    swath_of = np.searchsorted(first, np.arange(WIDTH), side="right") - 1
    oracle = RegularGridInterpolator((lines, pixels), values)
    for start in (0, 673, 5003, HEIGHT - 2):
        rows, cols = np.mgrid[start : start + 2, 0:WIDTH]
        expected = oracle((rows, cols)) * factors[rows, swath_of[cols]]
        assert table.rows(start, start + 2) == pytest.approx(expected, rel=1e-12)
    assert table.rows(0, 1)[0, [0, 8742, 8743]] == pytest.approx(
        [2.359446e03 * 1.011965, oracle((0, 8742)) * 1.011965, oracle((0, 8743)) * 1.014881], rel=1e-12
    )


def test_real_noise_floor_is_that_of_the_instrument(real_xml):
    lut = parse_calibration(real_xml["calibration"], "real").across(WIDTH).rows(8000, 8001)
    noise = parse_noise(real_xml["noise"], "real").across(WIDTH).rows(8000, 8001)
    measured = noise > 0  # the last pixels of far range hold no measurement
    floor_db = 10 * np.log10(noise[measured] / lut[measured] ** 2)
    assert -27 < np.median(floor_db) < -24
    assert floor_db.max() < -20


def test_rows_read_in_pieces_are_the_rows_read_at_once(real_xml):
    table = parse_noise(real_xml["noise"], "real").across(500)
    pieces = [table.rows(start, start + 7) for start in range(670, 691, 7)]
    assert np.array_equal(np.concatenate(pieces), table.rows(670, 691))


def test_beyond_the_vectors_values_stay():
    content = (
        b"<calibration><calibrationVectorList><calibrationVector><line>2</line><pixel>1 3</pixel>"
        b"<sigmaNought>10 30</sigmaNought></calibrationVector><calibrationVector><line>4</line><pixel>0 2</pixel>"
        b"<sigmaNought>40 80</sigmaNought></calibrationVector></calibrationVectorList></calibration>"
    )
    table = parse_calibration(content, "hand").across(5)
    first, last = [10, 10, 20, 30, 30], [40, 60, 80, 80, 80]
    mean = [25, 35, 50, 55, 55]
    assert table.rows(0, 7).tolist() == [first, first, first, mean, last, last, last]


def test_noise_before_processor_2_9_has_one_factor_only():
    assert (parse_noise(noise_xml((4, 6), "old").encode(), "old").across(6).rows(0, 4) == 400).all()
    today = parse_noise(noise_xml((4, 6)).encode(), "new").across(6).rows(1, 3)
    assert today.tolist() == [[400, 400, 400, 800, 800, 800]] * 2


def test_an_azimuth_block_reaches_its_own_lines_and_pixels_only():
    content = (
        b"<noise><noiseRangeVectorList><noiseRangeVector><line>0</line><pixel>0 3</pixel><noiseRangeLut>1 1"
        b"</noiseRangeLut></noiseRangeVector></noiseRangeVectorList><noiseAzimuthVectorList><noiseAzimuthVector>"
        b"<firstAzimuthLine>1</firstAzimuthLine><lastAzimuthLine>3</lastAzimuthLine>"
        b"<firstRangeSample>1</firstRangeSample><lastRangeSample>2</lastRangeSample><line>1 3</line>"
        b"<noiseAzimuthLut>2 4</noiseAzimuthLut></noiseAzimuthVector></noiseAzimuthVectorList></noise>"
    )
    table = parse_noise(content, "hand").across(4)
    assert table.rows(0, 5).tolist() == [[1] * 4, [1, 2, 2, 1], [1, 3, 3, 1], [1, 4, 4, 1], [1] * 4]
    assert table.rows(2, 3).tolist() == [[1, 3, 3, 1]]


@pytest.mark.parametrize(
    ("dn", "a", "noise", "expected"),
    [
        (0, 100, None, 0),  # nodata
        (0, 100, 1.0, 0),
        (100, 100, None, 255),  # 0 dB, the top
        (200, 100, None, 255),  # above the top
        (10, 100, None, 128),  # -20 dB, the middle of -40..0
        (1, 100, None, 1),  # -40 dB, the bottom
        (1, 1000, None, 1),  # below it
        (10, 100, 90.0, 64),  # 10 DN^2 are left: -30 dB, 1 + 254 / 4 = 64.5 to even
        (10, 100, 100.0, 1),  # nothing left: the lowest, not nodata
        (10, 100, 500.0, 1),
        (65535, 65535, None, 255),  # DN^2 needs more than 16 bits
    ],
)
def test_sigma0_truth_table(dn, a, noise, expected):
    lut = np.full((1, 1), float(a))
    noises = None if noise is None else np.full((1, 1), noise)
    pixels = sigma0_db_bytes(np.full((1, 1), dn, np.uint16), lut, noises, (-40.0, 0.0))
    assert pixels.dtype == np.uint8
    assert pixels.item() == expected


def sigma0_db_bytes(dn, lut, noise, db_range):
    return db_bytes(sigma0(dn, lut, noise), dn > 0, db_range)


def test_sigma0_is_dn_squared_over_a_squared_within_half_a_step():
    random = np.random.default_rng(0)
    dn = random.integers(10, 900, (50, 40), dtype=np.uint16)
    lut = random.uniform(400, 700, dn.shape)
    pixels = sigma0_db_bytes(dn, lut, None, (-35.0, 5.0))
    db = 10 * np.log10((dn.astype(float) / lut) ** 2)
    inside = (db > -35) & (db < 5)
    assert inside.sum() > 1000
    assert np.abs(-35 + (pixels[inside] - 1.0) * 40 / 254 - db[inside]).max() <= 20 / 254 + 1e-9


def test_dn_is_clipped():
    assert dn_bytes(np.array([[0, 1, 254, 255, 256, 65535]], np.uint16)).tolist() == [[0, 1, 254, 255, 255, 255]]


GOOD = calibration_xml((4, 6)).encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (GOOD[:200], "truncated or damaged XML"),
        (b"", "truncated or damaged XML"),
        (b"\x00\xff not xml", "truncated or damaged XML"),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", "truncated or damaged XML"),
        (b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<calibration/>", "lacks calibrationVectorList/calibrationVector"),
        (GOOD.replace(b"<line>0</line>", b""), "lacks line"),
        (GOOD.replace(b"<line>0</line>", b"<line>top</line>"), "line is 'top'"),
        (GOOD.replace(b"<line>0</line>", b"<line>9</line>"), "line numbers do not rise"),
        (GOOD.replace(b">0 5<", b">5 0<"), "pixel numbers do not rise"),
        (GOOD.replace(b">0 5<", b">0 3 5<"), "sigmaNought holds 2 values for 3 positions"),
        (GOOD.replace(b"1.000000e+02", b"many"), "sigmaNought holds what is no number"),
        (GOOD.replace(b"1.000000e+02", b"nan"), "not finite"),
        (GOOD.replace(b"1.000000e+02", b"0.0"), "not above 0"),
    ],
)
def test_damaged_calibration_is_refused_by_name(content, fault):
    with pytest.raises(SceneError, match=fault) as caught:
        parse_calibration(content, "calibration-vv.xml")
    assert str(caught.value).startswith("calibration-vv.xml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<noiseRangeLut>400 400", "<noiseRangeLut>400", "noiseRangeLut holds 1 values for 2 positions"),
        ("<noiseAzimuthLut>2 2", "<noiseAzimuthLut>2 2 2", "noiseAzimuthLut holds 3 values for 2 positions"),
        ("<lastAzimuthLine>3<", "<lastAzimuthLine>-1<", "block is empty"),
        ("noiseRangeVectorList", "somethingElse", "lacks noiseRangeVectorList/noiseRangeVector"),
    ],
)
def test_damaged_noise_is_refused_by_name(old, new, fault):
    content = noise_xml((4, 6))
    assert old in content
    with pytest.raises(SceneError, match=f"noise-vv.xml: .*{fault}"):
        parse_noise(content.replace(old, new).encode(), "noise-vv.xml")
