"""The estimate of the machine's cost, from the dated table of prices."""

import datetime
import re
import shutil
import sys
import tomllib

import pytest
from processes import finished
from vm_made import ROOT

LAPTOP = ROOT / "gcpvm" / "laptop"


def cost(*words, laptop=LAPTOP):
    return finished([sys.executable, laptop / "cost.py", *words])


def figures(told):
    return re.findall(r" {2,}(\d+\.\d\d)$", told, re.MULTILINE)


def test_cost_adds_up_what_can_be_added_up_by_hand():
    """l4 by spot: 0.34 + 0.0064 an hour; 100 GB at 0.10 and 200 GB at 0.17 a month."""
    told = cost(
        "hours=100", "preset=l4", "spot=true", "boot_disk_gb=100", "data_disk_gb=200", "local_ssd_count=0"
    ).stdout
    assert "An estimate in US dollars for l4 (spot). The prices were written down on 2026-" in told
    assert figures(told) == ["0.35", "78.64", "296.87", "44.00", "34.00"]
    assert "saves 0.35 an hour" in told and "saves 10.00 a month more" in told and "Left out:" in told
    assert figures(cost("preset=t4", "spot=false", "local_ssd_count=1").stdout)[0] == "0.78"


def test_cost_reads_the_settings_that_terraform_reads(tmp_path):
    shutil.copytree(LAPTOP, tmp_path / "laptop")
    shutil.copy(ROOT / "gcpvm" / "variables.tf", tmp_path)
    own = 'preset = "a100" # one GPU\nspot   = false\ndata_disk_gb = 1000\nregion = "europe-west4"\n'
    (tmp_path / "terraform.tfvars").write_text(own)
    told = cost(laptop=tmp_path / "laptop").stdout
    assert "for a100 (on demand)" in told and "disks of 100 and 1000 GB" in told
    assert "Your region europe-west4 is none of these" in told


def test_only_settings_at_the_margin_count(tmp_path):
    """A label may be called as a setting is."""
    shutil.copytree(LAPTOP, tmp_path / "laptop")
    shutil.copy(ROOT / "gcpvm" / "variables.tf", tmp_path)
    (tmp_path / "terraform.tfvars").write_text('preset = "t4"\nlabels = {\n  preset = "a100"\n\tspot = "false"\n}\n')
    assert "for t4 (spot)" in cost(laptop=tmp_path / "laptop").stdout


def test_an_older_python_is_told_in_one_line():
    script = f"import runpy, sys; sys.version_info = (3, 10, 0); runpy.run_path({str(LAPTOP / 'cost.py')!r})"
    done = finished([sys.executable, "-c", script])
    assert (done.returncode, done.stderr) == (2, "make cost needs Python 3.11 or newer: give one by PYTHON=…\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["preset=h200"], "preset=h200: is none of l4, t4, a100, h100, cpu"),
        (["preset=h100", "spot=false"], "spot=false: h100 can be had as a spot machine only"),
        (["hours=many"], "hours=many: give a whole number"),
        (["pre=l4"], "pre: is no setting; give name=value, as preset=a100"),
    ],
)
def test_cost_of_what_cannot_be_had_is_refused(words, line):
    done = cost(*words)
    assert (done.returncode, done.stderr) == (2, line + "\n")


def test_every_preset_has_a_price_and_the_table_says_when_and_where_it_is_from():
    prices = tomllib.loads((LAPTOP / "prices.toml").read_text())
    text = (ROOT / "gcpvm" / "presets.tf").read_text()
    presets = dict(re.findall(r"^    (\w+) = \{$(.*?)^    \}$", text, re.MULTILINE | re.DOTALL))
    assert sorted(presets) == sorted(prices["machine"])
    assert isinstance(prices["as_of"], datetime.date) and prices["regions"] and prices["source"]
    spot_only = [name for name, text in presets.items() if re.search(r"on_demand +?= false", text)]
    assert spot_only == [name for name, price in prices["machine"].items() if "on_demand" not in price]
    assert all(price["spot"] < price.get("on_demand", 99) for price in prices["machine"].values())
    own = {name: int(re.search(r"own_local_ssds +?= (\d)", text)[1]) for name, text in presets.items()}
    assert own == {name: price.get("local_ssds", 0) for name, price in prices["machine"].items()}


def test_the_page_shows_what_cost_prints(tmp_path):
    shutil.copytree(LAPTOP, tmp_path / "laptop")  # without anybody's terraform.tfvars
    shutil.copy(ROOT / "gcpvm" / "variables.tf", tmp_path)
    page = (ROOT / "docs" / "vm.md").read_text()
    shown = re.search(r'^\$ make cost ARGS="(.*?)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    assert cost(*shown[1].split(), laptop=tmp_path / "laptop").stdout == shown[2]
