"""Lists of scene ids: every form in, sets as sets, sweeps kept together, and what is no list refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import SceneError, StorageError, UsageError
from ceruleanml.scenes.scene import orbit_pass
from ceruleanml.scenes.scene_list import (
    checked,
    difference,
    id_of,
    intersection,
    read_scene_list,
    split,
    union,
    write_scene_list,
)

SCRIPT = Path(__file__).parents[1] / "data-processing" / "scene_lists.py"
A = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"
B = "S1A_IW_GRDH_1SDV_20200802T141711_20200802T141736_033729_03E8C7_1B2C"
C = "S1B_IW_GRDH_1SDV_20210401T052623_20210401T052648_026269_032297_ECC8"
IDS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


def scene(number, take):
    return f"S1A_IW_GRDH_1SDV_202008{number % 28 + 1:02d}T141646_20200802T141711_033729_{take:06X}_{number:04X}"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.list", f"{A}\n{C}\n"),
        ("a.txt", f"# scenes\r\ngs://bucket/2020/{A}.SAFE/ # first\r\n\r\n../zips/{C}.zip\r\n"),
        ("quoted.list", f'"{A}",\n"{C}",\n'),
        ("a.csv", f"n,scene_id\n1,{A}\n2,{C}\n"),
        ("asf.csv", f'"Granule Name","Platform"\n"{A}","S1"\n"{C}","S1"\n'),
        ("bom.csv", f"\ufeffid,x\n{A},1\n{C},2\n"),
        ("a.tsv", f"name\tx\n{A}\t1\n{C}\t2\n"),
        ("a.json", json.dumps([A, f"{C}.SAFE"])),
        ("stac.geojson", json.dumps({"features": [{"id": A, "properties": {}}, {"id": C, "properties": None}]})),
        ("asf.geojson", json.dumps({"features": [{"properties": {"sceneName": one, "id": 7}} for one in (A, C)]})),
    ],
)
def test_every_form_gives_the_same_ids(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read_scene_list(path) == [A, C]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.list", b"# nothing\n", SceneError, "names no scene"),
        ("a.list", b"S1A\xff\xfe", SceneError, "no text in UTF-8"),
        ("a.list", b"a\0b", SceneError, "is no text"),
        ("a.csv", b"x,y\n1,2\n", SceneError, "has no column scene_id.*but x, y"),
        ("a.json", b"{", SceneError, "is not JSON"),
        ("a.json", b'{"a": 1}', SceneError, "no FeatureCollection"),
        ("a.geojson", b'{"features": [{"properties": {"id": 7}}]}', SceneError, "feature 1: its id is 7, no text"),
        ("missing.list", None, StorageError, "cannot be read"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, name, content, error, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_scene_list(tmp_path / name)


def test_a_column_can_be_named(tmp_path):
    (tmp_path / "a.csv").write_text(f"id,product\n1,{A}\n")
    assert read_scene_list(tmp_path / "a.csv", "product") == [A]
    with pytest.raises(SceneError, match="has no column other"):
        read_scene_list(tmp_path / "a.csv", "other")


def test_ids_are_told_from_locations():
    assert {id_of(text) for text in (A, f"{A}.SAFE", f"s3://x/{A}.SAFE/", f"/a b/{A}.zip", f" {A} ")} == {A}


def test_checks_name_what_stands_twice_and_what_is_no_product():
    report = checked([A, "iw-vv", A, B])
    assert (report.ids, report.twice, report.strange) == ((A, "iw-vv", B), (A,), ("iw-vv",))


@given(first=IDS, second=IDS)
def test_sets_of_ids_are_sets_in_the_order_given(first, second):
    joined = union([first, second])
    assert joined == union([joined]) == list(dict.fromkeys(first + second))
    assert set(difference(first, [second])) == set(first) - set(second)
    assert set(intersection([first, second])) == set(first) & set(second)


@given(takes=st.lists(st.integers(0, 6), min_size=1, max_size=30), parts=st.integers(1, 5), seed=st.integers(0, 3))
def test_a_split_loses_nothing_and_keeps_sweeps_together(takes, parts, seed):
    ids = [scene(number, take) for number, take in enumerate(takes)]
    if parts > len(set(takes)):
        with pytest.raises(UsageError, match="cannot be split"):
            split(ids, parts, seed)
        return
    dealt = split(ids, parts, seed)
    assert sorted(sum(dealt, [])) == sorted(ids)
    assert all(part == [one for one in ids if one in part] and part for part in dealt)
    sweeps = [{orbit_pass(one) for one in part} for part in dealt]
    assert sum(map(len, sweeps)) == len(set().union(*sweeps))
    assert dealt == split(ids, parts, seed)


def test_parts_are_nearly_equal_and_drawn_by_the_seed():
    ids = [scene(number, number) for number in range(50)]
    assert [len(part) for part in split(ids, 4)] == [13, 13, 12, 12]
    assert split(ids, 4, seed=0) != split(ids, 4, seed=1)


def test_what_is_written_is_read_back(tmp_path):
    for name in ("a.list", "a.csv"):
        write_scene_list(tmp_path / name, [A, "iw-vv", C])
        assert read_scene_list(tmp_path / name) == [A, "iw-vv", C]
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert rows[0] == {"scene_id": A, "sensing_time": "2020-08-02T14:16:46+00:00", "sweep": "S1A/03E8C7"}
    assert rows[1] == {"scene_id": "iw-vv", "sensing_time": "", "sweep": ""}


def test_the_script_checks_and_joins(tmp_path):
    (tmp_path / "a.list").write_text(f"{A}\n{B}\n{A}\n")
    (tmp_path / "b.list").write_text(f"{B}\nx\n")
    found = run("check", tmp_path / "a.list", tmp_path / "b.list")
    assert found.returncode == 3
    assert found.stdout.splitlines() == [
        f"twice: {A}", f"twice: {B}", "no Sentinel-1 GRD product: x", "3 scenes in 2 lists",
    ]  # fmt: skip
    assert run("difference", tmp_path / "a.list", tmp_path / "b.list", "--out", tmp_path / "c.list").returncode == 0
    assert (tmp_path / "c.list").read_text() == f"{A}\n"
    missing = run("union", tmp_path / "no.list", "--out", tmp_path / "d.list")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)
    assert "no.list: cannot be read" in missing.stderr
