"""The house's own rules: what imports what, what depends on what, and that everything is said in one place."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ceruleanml"
STAGES = ["scenes", "labels", "datasets", "models", "inference", "evaluation", "selection", "annotation", "cli"]
HEAVY = {
    "torch", "torchvision", "fastai", "dask", "distributed", "matplotlib", "scipy", "rasterio", "shapely", "pyogrio",
    "pyproj", "rich", "hydra", "omegaconf", "tensorboard", "accelerate", "pandas",
}  # fmt: skip


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements():
    """What the package needs, and what its extras and its developers need beside."""
    extras = project()["optional-dependencies"]
    optional = [text for name, texts in extras.items() if name != "dev" for text in texts]
    own = [text for text in extras["dev"] if not text.startswith("ceruleanml[")]
    return project()["dependencies"] + optional + own


def stage_of(module):
    parts = module.split(".")
    return STAGES.index(parts[1]) if len(parts) > 1 and parts[0] == "ceruleanml" and parts[1] in STAGES else None


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_stage_imports_only_stages_to_its_left():
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        mine = stage_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for target in imports_of(path):
            theirs = stage_of(target)
            if theirs is not None and (mine is None or theirs > mine):
                wrong.append(f"{path.relative_to(ROOT)} imports {target}")
    assert wrong == []


def test_importing_the_command_line_loads_nothing_heavy():
    code = "import sys, ceruleanml.cli.main; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & HEAVY == set()


def test_environment_yml_asks_for_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert environment[0] == f"python{project()['requires-python']}"
    assert environment[-1]["pip"] == requirements()


def test_constraints_name_versions_only_and_cover_what_is_asked():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+]+", line)] == []
    named = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    assert {re.split(r"[\[<>=]", text)[0].lower() for text in requirements()} - named == set()


def test_make_help_lists_the_front_door():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "test", "lint", "demo", "bench", "make-dataset"):
        assert re.search(rf"^  {target} +\S", listed, re.MULTILINE), target


def test_every_stage_says_what_lives_there():
    for folder in sorted(path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"):
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder.name


def verbs():
    import typer.main

    from ceruleanml.cli.main import app

    return typer.main.get_command(app).commands


def test_every_verb_and_option_has_help_and_is_documented():
    documented = (ROOT / "README.md").read_text() + "".join(p.read_text() for p in (ROOT / "docs").glob("*.md"))
    for name, command in verbs().items():
        assert command.help, name
        assert f"ceruleanml {name}" in documented, f"{name} stands in neither README.md nor docs/"
        for parameter in command.params:
            if parameter.name != "help":
                assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"
