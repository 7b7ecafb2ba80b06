"""The built wheel is enough: page, class table, settings and templates come along, and no repository is needed."""

import os
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from processes import finished

from ceruleanml import __version__
from ceruleanml.annotation.page_files import page_parts, page_source

ROOT = Path(__file__).parents[1]
INSIDE = "import ceruleanml, sys; assert ceruleanml.__file__.startswith(sys.argv[1]), ceruleanml.__file__"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built from a copy of what it is built from, and the folder that it was installed into."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("ceruleanml", "data-processing"):
        shutil.copytree(
            ROOT / name, folder / "tree" / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "tree"]
    done = finished(build, patience_s=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    done = finished([*pip, "install", "--no-deps", "--target", folder / "installed", wheel], patience_s=300)
    assert done.returncode == 0, done.stderr
    return wheel, folder / "installed"


def ceruleanml(installed, *words, cwd):
    code = f"{INSIDE}; sys.argv[1:] = sys.argv[2:]; from ceruleanml.cli.main import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return finished([sys.executable, "-c", code, installed, *words], cwd=cwd, env=environment)


def test_the_wheel_holds_the_page_and_the_types(installed):
    with ZipFile(installed[0]) as archive:
        names = set(archive.namelist())
    page = {f"ceruleanml/annotation/page/{part}" for part in page_parts(page_source())}
    assert page | {"ceruleanml/annotation/page/classes.js", "ceruleanml/py.typed"} <= names
    assert {"ceruleanml/classes.toml", "ceruleanml/evaluation/model_card.md"} <= names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "gcpvm/"))]


def test_the_import_warns_of_nothing(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed[1])}
    done = finished([sys.executable, "-W", "error", "-c", INSIDE, installed[1]], cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_verbs_work_away_from_the_repository(installed, tmp_path):
    folder = installed[1]
    assert ceruleanml(folder, "--version", cwd=tmp_path).stdout == f"ceruleanml {__version__}\n"
    size = ("--scenes", "1", "--height", "128", "--width", "128", "--format", "geotiff", "--labels", "geojson")
    for words in (
        ("simulate-scenes", "raw", *size, "--slick-free", "0"),
        ("make-dataset", "raw/scenes", "--labels", "raw/labels", "--tile-size", "64", "--out", "data"),
        ("annotate", "prepare", "raw/scenes", "--out", "page"),
        ("train", "data.train=data", "model=unet_resnet34", "loss=focal", "--show"),
    ):
        done = ceruleanml(folder, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "page" / "index.html").is_file() and "encoder: resnet34" in done.stdout
