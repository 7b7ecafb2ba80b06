"""`ceruleanml labels` and `ceruleanml annotate import` as a user meets them: output, JSON and exit status."""

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from label_states import NOON, box, feature, pixel_box, save, write

from ceruleanml.cli.main import main
from ceruleanml.labels.store import append

SCENE = "S1A_IW_GRDH_1SDV_20201121T225759_20201121T225828_035353_04215B_0001"


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command in the test's folder, in this process: starting one takes a second."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments):
        monkeypatch.setattr("sys.argv", ["ceruleanml", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return run_it


@pytest.fixture
def said(run):
    """Runs a command that must end well, and gives what it prints, line by line."""

    def lines_of(*arguments):
        done = run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return lines_of


@pytest.fixture
def store(tmp_path):
    """Two scenes: one that ann drew, corrected and bob drew on his own, one in pixels of which ann did a tile."""

    def add(scene_id, who, minutes, *features, **members):
        content = save(*features, scene_id=scene_id, annotator=who, **members)
        append(tmp_path / "store", scene_id, content, who, NOON + timedelta(minutes=minutes))

    first = feature(box(10, 10, 10, 10), slick_id=f"{SCENE}/ann/1", source="drawn")
    second = feature(box(30, 10, 4, 40), slick_id=f"{SCENE}/ann/2", name="infra_slick", source="edited")
    add(SCENE, "ann", 0, first)
    add(SCENE, "ann", 5, first, second)
    add(SCENE, "bob", 6, feature(box(10, 12, 10, 10), slick_id=f"{SCENE}/bob/1"), complete=False, comment="calm")
    tiles = {"t_00000_00000": {"reviewed": True, "blind": True, "seconds": 30.0, "clicks": 4, "empty": True}}
    add("t", "ann", 7, feature(pixel_box(1, 1, 3, 4)), pixels=True, complete=False, tiles=tiles)
    return tmp_path


def test_list_shows_who_drew_what(store, said):
    assert said("labels", "list", "store") == [
        f"{'scene':67}  drawn by                 slicks  complete  tiles  blind",
        f"{SCENE}  ann, bob (on their own)  2 | 1   yes       0      0",
        f"{'t':67}  ann                      1       no        1      1",
        "store: 2 scenes",
    ]
    rows = json.loads("\n".join(said("labels", "list", "store", "--json")))
    assert [(row["scene_id"], row["files"], row["annotators"]) for row in rows] == [
        (SCENE, 3, ["ann", "bob"]), ("t", 1, ["ann"]),
    ]  # fmt: skip
    assert rows[0]["slicks"] == [{"infra_slick": 1, "old_vessel": 1}, {"old_vessel": 1}]


def test_show_tells_of_each_state_that_counts(store, said, run):
    lines = said("labels", "show", "store", SCENE)
    assert lines[0] == "20261121T120500Z_ann.geojson: 2 slicks, complete"
    assert lines[1].split() == [f"{SCENE}/ann/1", "old_vessel", "0.948", "km²", "drawn"]
    assert "20261121T120600Z_bob.geojson: 1 slick, not complete" in lines
    assert "  comment: calm" in lines and lines[-1] == "replaced: 20261121T120000Z_ann.geojson"
    tile = said("labels", "show", "store", "t")
    assert tile[1].split() == ["t/1", "old_vessel", "12", "px"]
    assert tile[2] == "  tile t_00000_00000: reviewed, blind, empty"
    document = json.loads("\n".join(said("labels", "show", "store", "t", "--json")))
    assert document["heads"][0]["tiles"]["t_00000_00000"]["clicks"] == 4
    done = run("labels", "show", "store", "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ceruleanml: store: holds nothing of scene none; ceruleanml labels list shows what it holds\n"


def test_what_changed_between_snapshots(store, said, run):
    digest, told = said("labels", "snapshot", "store", "--name", "monday")
    assert told == "4 files: read them as store@monday" and len(digest) == 64
    assert said("labels", "diff", "store@monday") == ["0 scenes changed: slicks 0 added, 0 removed, 0 changed"]
    moved = feature(box(10, 10, 10, 12), slick_id=f"{SCENE}/ann/1")
    new = feature(box(50, 10, 2, 2), slick_id=f"{SCENE}/ann/3")
    content = save(moved, new, scene_id=SCENE)
    append(store / "store", SCENE, content, "ann", NOON + timedelta(hours=1))
    done = feature(pixel_box(1, 1, 3, 4), name="ambiguous", slick_id="t/1")
    append(store / "store", "t", save(done, scene_id="t", pixels=True), "ann", NOON + timedelta(hours=1))
    assert said("labels", "diff", "store@monday") == [
        SCENE,
        f"  changed {SCENE}/ann/1 of ann: old_vessel, 0.948 -> 1.138 km², 0.190 moved",
        f"  removed {SCENE}/ann/2 of ann: infra_slick, 1.518 km²",
        f"  added {SCENE}/ann/3 of ann: old_vessel, 0.038 km²",
        "t, now complete",
        "  changed t/1 of ann: old_vessel -> ambiguous, 12.000 -> 12.000 px, 0.000 moved",
        "2 scenes changed: slicks 1 added, 1 removed, 2 changed",
    ]
    found = json.loads("\n".join(said("labels", "diff", "store@monday", f"store@{digest[:6]}", "--json")))
    assert found == []
    for arguments, says in (
        (("diff", "store"), "name the earlier snapshot, as in store@NAME"),
        (("diff", "store@tuesday"), "store@tuesday: is no snapshot of the store; it has monday"),
        (("snapshot", "store@monday"), "is a snapshot already; name the store without @"),
        (("list", "nowhere"), "nowhere: is no label store"),
    ):
        refused = run("labels", *arguments)
        assert refused.returncode == 2 and says in refused.stderr


def test_agreement_is_told_in_a_table_and_in_json(store, said):
    tile = {"t": {"reviewed": True, "blind": True, "bounds": [10.0, 39.96, 10.06, 40.0]}}
    for who, col in (("cy", 10), ("dee", 13)):
        one = feature(box(10, col, 10, 10), slick_id="1")
        append(store / "other", "s", save(one, complete=False, tiles=tile, annotator=who), who, NOON)
    lines = said("labels", "agreement", "other", "--resolution", "20")
    assert lines[0].split() == [
        "annotators", "kind", "on", "IoU", "kappa", "matched", "alone", "same", "class", "mean", "m", "95", "%", "m",
        "max", "m",
    ]  # fmt: skip
    assert lines[1].split()[:10] == ["cy", "and", "dee", "blind", "1", "tile", "0.55", "0.69", "1", "0"]
    assert lines[2] == "kappa of cy and dee, blind: old_vessel 0.69"
    found = json.loads("\n".join(said("labels", "agreement", "other", "--json")))
    assert found["agreement"][0]["matched"] == 1 and "kappa" in found["definitions"]
    assert (
        said("labels", "agreement", "store")[-1]
        == "store: no two annotators went through one scene or tile on their own"
    )


def test_import_tells_what_it_took_and_what_not(tmp_path, said, run):
    write(tmp_path / "good.geojson", save(feature(box(10, 10, 10, 10))))
    write(tmp_path / "bad.geojson", save(scene_id="<b>"))
    done = run("annotate", "import", "good.geojson", "bad.geojson", "--store", "store")
    assert (done.returncode, done.stdout) == (3, "s/20261121T120000Z_ann.geojson: 1 slick by ann\n")
    assert done.stderr.startswith("refused: bad.geojson: scene '<b>': may hold letters")
    again = said("annotate", "import", "good.geojson", "--store", "store")
    assert again == ["s/20261121T120000Z_ann.geojson: 1 slick by ann, there already"]
    assert said("annotate", "import", "good.geojson", "--store", "store", "--quiet") == []
    done = run("annotate", "import", "bad.geojson", "--store", "store")
    assert done.returncode == 2 and done.stderr.startswith("ceruleanml: bad.geojson: scene '<b>': may hold")
    (tmp_path / "held.txt").write_text("s\n")
    held = ("annotate", "import", "good.geojson", "--store", "new", "--evaluation", "held.txt")
    assert "scene s belongs to the evaluation set" in run(*held).stderr
    assert said(*held, "--allow-evaluation") == ["s/20261121T120000Z_ann.geojson: 1 slick by ann"]


def test_suspects_want_one_kind_of_labels(tmp_path, run):
    done = run("labels", "suspects", "p", "--out", "out")
    assert done.returncode == 2 and "say whose labels are doubted: --labels or --dataset" in done.stderr


def test_names_of_files_do_nothing_to_the_terminal_and_end_no_line(tmp_path, run):
    names = ["\x1b[31mred\x07.geojson", "two\nlines.geojson"]
    for name in names:
        (tmp_path / name).write_text("x")
    done = run("annotate", "import", *names, "--store", "store")
    assert done.returncode == 2
    assert [line.split(":")[1] for line in done.stderr.splitlines()[:2]] == [" ?[31mred?.geojson", " two lines.geojson"]
    assert run("annotate", "import", names[0], "--store", "st").stderr.startswith("ceruleanml: ?[31mred?.geojson: is")
