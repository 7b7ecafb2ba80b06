"""A page appears whole or not at all, its twins say the same, and what failed is told."""

import base64
import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from annotate_made import make_page, queue_of, save
from builds_made import CERULEANML, contents
from hypothesis import given
from hypothesis import strategies as st
from processes import finished
from scenes_made import pixels, write_gcps, write_png, write_tiff

from ceruleanml.annotation import page_unit
from ceruleanml.annotation.options import OverlaySpec, PageOptions
from ceruleanml.annotation.page_files import bytes_twin, json_twin, page_source
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.errors import CeruleanError, SceneError, UsageError, WriteError
from ceruleanml.labels.store import append

# ---- twins

texts = st.text(st.characters(codec="utf-8"), max_size=30)


def received(twin):
    """What a twin's one call hands over, read as JavaScript's own parser does: JSON with U+2028 and U+2029 escaped."""
    found = re.fullmatch(rb"Cerulean\.receive\((.*)\);\n", twin, re.DOTALL)
    assert b"</" not in twin
    assert "\u2028" not in twin.decode()
    assert "\u2029" not in twin.decode()
    return json.loads(b"[" + found[1] + b"]")


@given(texts, st.dictionaries(texts, texts | st.integers() | st.lists(texts)))
def test_a_twin_hands_over_the_same_json(name, value):
    assert received(json_twin(name, value)) == [name, value]


@given(st.binary(max_size=200))
def test_a_twin_hands_over_the_same_bytes(content):
    name, text = received(bytes_twin("a.png", content))
    assert (name, base64.b64decode(text)) == ("a.png", content)


def test_hostile_names_stay_text():
    hostile = "</script><script>alert(1)</script><!--\u2028"
    assert received(json_twin("x.json", {"title": hostile})) == ["x.json", {"title": hostile}]


def test_every_file_has_its_twin_unless_told(tmp_path):
    page = make_page(tmp_path)
    data = page / "data"
    files = [path for path in data.rglob("*") if path.suffix in (".json", ".png", ".geojson")]
    assert len(files) == 5
    for path in files:
        name, value = received(path.with_suffix(".js").read_bytes())
        assert name == str(path.relative_to(data))
        expected = (
            base64.b64encode(path.read_bytes()).decode() if path.suffix == ".png" else json.loads(path.read_bytes())
        )
        assert value == expected
    prepare_page([str(tmp_path / "in")], tmp_path / "lean", PageOptions(twins=False))
    assert not list((tmp_path / "lean" / "data").rglob("*.js"))


# ---- whole or absent


def test_the_same_bytes_for_any_number_of_workers(tmp_path):
    page = make_page(tmp_path, scenes="abc")
    prepare_page([str(tmp_path / "in")], tmp_path / "more", workers=2)
    assert contents(page) == contents(tmp_path / "more")


def test_again_it_is_there_already(tmp_path):
    make_page(tmp_path)
    before = contents(tmp_path / "page")
    assert not prepare_page([str(tmp_path / "in")], tmp_path / "page").prepared_now
    assert contents(tmp_path / "page") == before


def test_a_killed_run_goes_on_and_ends_alike(tmp_path, monkeypatch):
    page = make_page(tmp_path, scenes="abcd")
    prepared, original = [], page_unit._prepare

    def killed_at_c(task, options, folder):
        prepared.append(task.scene_id)
        if task.scene_id == "c" and prepared.count("c") == 1:
            raise KeyboardInterrupt
        return original(task, options, folder)

    monkeypatch.setattr(page_unit, "_prepare", killed_at_c)
    with pytest.raises(KeyboardInterrupt):
        prepare_page([str(tmp_path / "in")], tmp_path / "again")
    assert not (tmp_path / "again").exists()
    prepare_page([str(tmp_path / "in")], tmp_path / "again")
    assert prepared == ["a", "b", "c", "c", "d"]
    assert contents(page) == contents(tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


def test_one_bad_scene_is_told_and_tried_again(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ab.tif").write_bytes(b"II*\0 nothing")
    page = make_page(tmp_path)
    assert [item["scene"] for item in queue_of(page)["items"]] == ["s000", "s002"]
    assert not (page / "data" / "scenes" / "s001").exists()
    again = prepare_page([str(tmp_path / "in")], page)
    assert "cannot be read as an image" in again.failed["ab"]
    (tmp_path / "in" / "ab.tif").unlink()
    write_tiff(tmp_path / "in" / "ab.tif", pixels())
    assert not prepare_page([str(tmp_path / "in")], page).failed
    assert [item["scene"] for item in queue_of(page)["items"]] == ["s000", "s001", "s002"]
    prepare_page([str(tmp_path / "in")], tmp_path / "fresh")
    assert contents(page) == contents(tmp_path / "fresh")


def test_without_a_good_scene_nothing_is_made(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.tif").write_bytes(b"nothing")
    with pytest.raises(SceneError, match="no scene could be prepared: .*bad.tif"):
        prepare_page([str(tmp_path / "in")], tmp_path / "page")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_other_options_or_files_are_not_mixed_in(tmp_path):
    page = make_page(tmp_path)
    with pytest.raises(UsageError, match="was prepared from other seed; remove it or choose another --out"):
        prepare_page([str(tmp_path / "in")], page, PageOptions(seed=1))
    write_tiff(tmp_path / "in" / "a.tif", pixels(9))
    with pytest.raises(UsageError, match=r"was prepared from other .*a\.tif"):
        prepare_page([str(tmp_path / "in")], page)
    with pytest.raises(UsageError, match="exists and is no page"):
        prepare_page([str(tmp_path / "in")], tmp_path / "in")


def test_touching_a_file_changes_nothing(tmp_path):
    page = make_page(tmp_path)
    (tmp_path / "in" / "a.tif").touch()
    assert not prepare_page([str(tmp_path / "in")], page).prepared_now


def test_newer_labels_are_noticed(tmp_path):
    options = {"store": tmp_path / "labels"}
    make_page(tmp_path, **options)
    append(tmp_path / "labels", "a", save(), "ann", datetime(2024, 5, 1, tzinfo=UTC))
    with pytest.raises(UsageError, match="was prepared from other labels"):
        prepare_page([str(tmp_path / "in")], tmp_path / "page", PageOptions(**options))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_on_a_full_disk_nothing_is_made(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], timeout=20, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        write_tiff(tmp_path / "in" / "a.tif", pixels(0, (400, 500)))
        with pytest.raises(WriteError, match="cannot be written: No space left on device"):
            prepare_page([str(tmp_path / "in")], small / "page")
        assert not (small / "page").exists()
    finally:
        subprocess.run(["umount", small], check=True, timeout=20)


def test_a_newer_page_takes_the_scenes_over(tmp_path, monkeypatch):
    page = make_page(tmp_path)
    record = json.loads((page / ".prepared.json").read_text())
    record["plan"]["page"]["index.html"] = "of yesterday"
    (page / ".prepared.json").write_text(json.dumps(record))
    (page / "index.html").write_text("old")
    monkeypatch.setattr(page_unit, "_prepare", None)
    assert prepare_page([str(tmp_path / "in")], page).prepared_now
    assert (page / "index.html").read_bytes() == (page_source() / "index.html").read_bytes()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"bits": 12}, "--bits 12 cannot be"),
        ({"grid": "mercator"}, "grid 'mercator' is not known"),
        ({"grid": "serving", "resolution_m": 40.0}, "leave --resolution out"),
        ({"blind_share": 1.5}, "--blind-share 1.5 cannot be"),
        ({"seed": -1}, "seed -1 cannot be"),
        ({"overlays": (OverlaySpec("a", "b"), OverlaySpec("a", "c"))}, "--overlay a stands twice"),
        ({"selection": Path("a"), "queue": Path("b")}, "give one of them"),
    ],
)
def test_options_that_cannot_be(changed, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        PageOptions(**changed)


def test_errors_name_the_scene_s_file(tmp_path):
    write_png(tmp_path / "in" / "s.png", pixels())
    write_gcps(tmp_path / "gcps" / "other.json")
    for options in ({"grid": "serving", "georeference": f"{tmp_path}/gcps/{{scene_id}}.json"}, {"bits": 16}):
        with pytest.raises(CeruleanError, match=r"s\.(png|json)"):
            prepare_page([str(tmp_path / "in")], tmp_path / "page", PageOptions(**options))


def test_the_verb_tells_of_failures_by_its_status(tmp_path):
    make_page(tmp_path, scenes=("a",))
    (tmp_path / "in" / "bad.tif").write_bytes(b"nothing")
    run = finished([CERULEANML, "annotate", "prepare", tmp_path / "in", "--out", tmp_path / "p"])
    assert run.returncode == 3
    assert run.stdout == f"{tmp_path}/p/index.html made a queue of 1 item in 1 of 2 scenes\n"
    assert run.stderr.startswith("failed: ")
