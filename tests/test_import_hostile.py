"""Files that mean harm or come from elsewhere: refused in one quick sentence, or kept as text that does nothing."""

import json
import struct
import time
import zlib

import pytest
from imports_made import only, take
from label_states import box, feature, pixel_box, save, write

from ceruleanml.classes import load_classes
from ceruleanml.labels import documents
from ceruleanml.labels.scene_states import read_scene_state
from ceruleanml.storage import read_json

SCRIPT = "<script>alert(1)</script>"
SLICK = box(1, 1, 5, 5)

REFUSED = {
    "script for a scene": (save(scene_id=SCRIPT), "may hold letters, digits"),
    "a scene out of the store": (save(scene_id="../../etc/cron.d"), "may hold letters, digits"),
    "a scene of the store's own": (save(scene_id=".snapshots"), "may hold letters, digits"),
    "an endless scene": (save(scene_id="s" * 400), "has 400 characters; choose a name of at most 220"),
    "a scene that is no text": (save(scene_id=["s"]), "may hold letters, digits"),
    "script for an annotator": (save(annotator=SCRIPT), "may hold letters, digits"),
    "an annotator out of the folder": (save(annotator="../x"), "may hold letters, digits"),
    "script for a class": (save(feature(SLICK, name=SCRIPT)), "is not in the class table"),
    "a class that is no text": (save(feature(SLICK, name={"a": 1})), "is not in the class table"),
    "bytes that write on terminals": (save(feature(SLICK, slick_id="\x1b[2Js")), "slick_id holds a control character"),
    "text turned round": (save(feature(SLICK, slick_id="a\u202eb")), "slick_id holds a control character"),
    "a class without end": (save(feature(SLICK, name="x" * 100_000)), "class 'xxx"),
    "one id twice": (save(*[feature(SLICK, slick_id="\x1b[2J")] * 2), "slick_id ?[2J stands twice"),
    "half a letter": (save(feature(SLICK, slick_id="\ud800")), "slick_id holds a control character"),
    "a name without end": (save(feature(SLICK, slick_id="x" * 1000)), "slick_id has 1,000 characters; it may have 300"),
    "a comment without end": (save(comment="x" * 20_000), "comment has 20,000 characters; it may have 10,000"),
    "a comment that is no text": (save(comment=[SCRIPT]), "comment must be text"),
    "a time that is none": (save(saved="'; drop table"), "saved is \"'; drop table\"; write times as"),
    "a time without a zone": (save(feature(SLICK, started="2026-11-21T12:00:00")), "started is '2026-11-21T12"),
    "tiles that are none": (save(tiles=[1]), "its member tiles is no table of tiles"),
    "seconds that are none": (save(tiles={"t": {"seconds": "1e9"}}), "tile t: seconds must be a number of 0 or more"),
    "seconds without end": (save(tiles={"t": {"seconds": -1}}), "tile t: seconds must be a number of 0 or more"),
    "blind as text": (save(tiles={"t": {"blind": "yes"}}), "tile t: blind must be true or false"),
    "bounds inside out": (save(tiles={"t": {"bounds": [1, 1, 0, 0]}}), "bounds must be [west, south, east, north]"),
    "a basis out of the store": (save(based_on=["../../x.geojson"]), "based_on must list names of files of the store"),
    "rejected that is none": (save(rejected={"a": 1}), "its member rejected is no list of outlines"),
    "complete as text": (save(complete="yes"), "complete must be true or false"),
    "pixels out of the image": (save(feature(pixel_box(0, 0, 1 << 30, 5)), pixels=True), "no image has a pixel at"),
    "pixels as text": (save(pixels="yes"), "pixels must be true or false"),
    "a list": ([1, 2], "is not a GeoJSON FeatureCollection"),
    "text": ("hello", "is not a GeoJSON FeatureCollection"),
    "too many slicks": (save(*[{"type": "Feature"}] * 20_001), "holds 20,001 slicks; a scene may have 20,000"),
    "seconds of 400 digits": (save(tiles={"t": {"seconds": 10**400}}), "tile t: seconds is a number beyond all bounds"),
    "bounds of 400 digits": (save(tiles={"t": {"bounds": [0, 0, 10**400, 1]}}), "bounds must be [west, south, east,"),
    "bounds without end": (save(tiles={"t": {"bounds": [0, 0, 1e308, 1]}}), "bounds must be [west, south, east,"),
    "a slick of no size": (save(feature([[1, 1], [1 + 1e-11, 1], [1, 1 + 1e-11], [1, 1]])), "feature 1 has no polygon"),
    "another source": (save(feature(SLICK, source=SCRIPT)), "source must be one of drawn, accepted, edited"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused_in_one_sentence(tmp_path, content, says):
    path = write(tmp_path / "x.geojson", content)
    reason = take(tmp_path, path).refused[str(path)]
    assert says in reason and reason.startswith(f"{path}: ")
    assert reason.isprintable(), "nothing of the file acts on a terminal"
    assert len(reason) < 400
    assert not (tmp_path / "store").exists()


def test_script_in_text_stays_text(tmp_path):
    drawn = feature(SLICK, slick_id=f"s/{SCRIPT}", comment=SCRIPT, model=SCRIPT, extra=SCRIPT, nested={"a": SCRIPT})
    tiles = {SCRIPT: {"reviewed": True, "comment": "two\nlines"}}
    one = only(take(tmp_path, write(tmp_path / "x.geojson", save(drawn, tiles=tiles, comment=SCRIPT))))
    stored = read_json(one.path)
    assert (stored["comment"], list(stored["tiles"])) == (SCRIPT, [SCRIPT])
    kept = stored["features"][0]["properties"]
    assert (kept["comment"], kept["slick_id"], kept["extra"]) == (SCRIPT, f"s/{SCRIPT}", SCRIPT)
    assert "nested" not in kept, "beside the contract only plain values are kept"


def test_a_file_of_100_mb_is_refused_at_once(tmp_path):
    path = tmp_path / "x.geojson"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    began = time.monotonic()
    reason = take(tmp_path, path).refused[str(path)]
    assert time.monotonic() - began < 1
    assert reason == f"{path}: has 100.0 MB, label files at most 67; split it"


BOMBS = {
    "brackets side by side": (b"[" + b"[]," * 300, "holds more than 200 lists and objects"),
    "brackets in brackets": (b"[" * 150_000, "is not JSON: maximum recursion"),
    "no JSON": (b"{", "is not JSON"),
    "no text": (b"\xff\xfe\x00", "is not JSON"),
    "nothing": (b"", "is not JSON"),
    "a number of Python's": (b'{"a": NaN}', "is not JSON: NaN is no number of JSON"),
    "a number without end": (b'{"a": ' + b"1" * 5000 + b"}", "is not JSON"),
}


@pytest.mark.parametrize(("content", "says"), BOMBS.values(), ids=BOMBS.keys())
def test_json_that_is_none_or_would_fill_the_memory(tmp_path, monkeypatch, content, says):
    if "more than 200" in says:
        monkeypatch.setattr(documents, "MAX_OPENINGS", 200)
    path = tmp_path / "x.geojson"
    path.write_bytes(content)
    assert says in take(tmp_path, path).refused[str(path)]


def test_numbers_beyond_all_numbers_are_refused(tmp_path):
    path = tmp_path / "x.geojson"
    path.write_text(json.dumps(save(feature(SLICK, score=0.5))).replace("0.5", "1e999"))
    assert "feature 1: score is a number beyond all bounds" in take(tmp_path, path).refused[str(path)]
    assert not (tmp_path / "store").exists()


def test_what_vanishes_in_rounding_takes_nothing_else_with_it(tmp_path):
    """A sliver beside a slick, or a hole of no size, once stored, made the whole state unreadable."""
    sliver = [[2, 2], [2 + 1e-11, 2], [2, 2 + 1e-11], [2, 2]]
    drawn = feature(SLICK, sliver)
    drawn["geometry"]["coordinates"][0].append(
        [[10.003 + x * 1e-11, 39.997 + y * 1e-11] for x, y in ((0, 0), (0, 1), (1, 0), (0, 0))]
    )
    one = only(take(tmp_path, write(tmp_path / "x.geojson", save(drawn))))
    (shape,) = read_scene_state(one.path, load_classes(), "s").labels.shapes
    assert (len(shape.geometry.geoms), len(shape.geometry.geoms[0].interiors)) == (1, 0)


def test_a_layer_that_unpacks_to_more_than_any_scene_is_refused_unread(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = (head, b"IDAT" + zlib.compress(bytes(99)), b"IEND")
    framed = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks]
    (folder / "old_vessel_1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))
    reason = take(tmp_path, folder, annotator="ann").refused[str(folder)]
    assert "old_vessel_1.png: has 60,000 x 60,000 pixels, more than any scene" in reason


def test_one_refused_file_keeps_no_other_from_being_taken(tmp_path):
    good = write(tmp_path / "good.geojson", save(feature(SLICK)))
    bad = write(tmp_path / "bad.geojson", save(scene_id=SCRIPT))
    report = take(tmp_path, bad, good, tmp_path / "missing.geojson")
    assert [one.source for one in report.taken] == [good]
    assert list(report.refused) == [str(bad), str(tmp_path / "missing.geojson")]
    assert "cannot be read: No such file" in report.refused[str(tmp_path / "missing.geojson")]
