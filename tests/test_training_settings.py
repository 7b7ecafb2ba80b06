"""The settings of a training: bounds, presets, overrides and sweeps, and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.models.config import TrainConfig, as_values, check, from_values, greatest_lr, settings
from ceruleanml.models.groups import DEFAULTS, PRESETS, changed, compose, sweep

DATA = "data.train=datasets/train"


def test_every_setting_says_what_it_means_and_every_number_has_bounds() -> None:
    for name, about, value in settings(TrainConfig()):
        if name == "run":
            continue
        assert about.metadata["help"], name
        if ("int" in str(about.type) or "float" in str(about.type)) and "dict" not in str(about.type):
            assert about.metadata["low"] is not None and about.metadata["high"] is not None, name
        if isinstance(value, str) and value not in ("none", "???", "auto", "ceruleanml"):
            assert about.metadata["choices"], name


def test_the_defaults_hold() -> None:
    check(compose([DATA]))


@pytest.mark.parametrize(("group", "preset"), [(group, name) for group, names in PRESETS.items() for name in names])
def test_every_preset_holds_and_is_what_its_name_says(group: str, preset: str) -> None:
    config = compose([DATA, f"{group}={preset}"])
    check(config)
    given = {"train": "datasets/train"} if group == "data" else {}
    assert getattr(config, group) == replace(PRESETS[group][preset], **given)


def test_default_presets_are_there() -> None:
    for group, preset in DEFAULTS.items():
        assert preset in PRESETS[group]
    assert set(DEFAULTS) | {"run"} == {one.name for one in fields(TrainConfig)}


def test_overrides_reach_their_setting() -> None:
    config = compose(
        [
            DATA,
            "trainer.lr=3e-4",
            "trainer.stages=[[128, 1], [256, 2.5]]",
            "data.drop_classes=[ambiguous]",
            "data.merge_classes={old_vessel: recent_vessel}",
            "loss=focal",
            "loss.gamma=1",
        ]
    )
    assert config.trainer.lr == 3e-4
    assert config.trainer.stages == [[128, 1], [256, 2.5]]
    assert config.data.drop_classes == ["ambiguous"]
    assert config.data.merge_classes == {"old_vessel": "recent_vessel"}
    assert (config.loss.name, config.loss.gamma) == ("focal", 1)


def test_values_come_back_as_they_were() -> None:
    config = compose([DATA, "model=mask_rcnn", "trainer.minutes=3", "loss.class_weights={infra_slick: 5}"])
    assert from_values(as_values(config)) == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.epoch=3", "trainer.epoch is no setting; did you mean trainer.epochs?"),
        ("loss=foo", "loss=foo is no preset; there are combination, cross_entropy, focal, dice"),
        ("trainer.epochs=abc", "trainer.epochs: Value 'abc' of type 'str' could not be converted to Integer"),
        ("epochs", "'epochs' is no override; write group.setting=value"),
        ("zzz=1", "zzz is no setting; see ceruleanml train --settings"),
        ("trainer.stages=[[1", "see ceruleanml train --settings"),
    ],
)
def test_wrong_overrides_end_in_one_line(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        compose([DATA, override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.epochs=0", "trainer.epochs 0 cannot be; give 1 to 100000 epochs"),
        ("trainer.lr=nan", "trainer.lr nan cannot be"),
        ("model.encoder=vgg", "model.encoder 'vgg' is not known; choose mobilenet_v2, resnet18"),
        ("trainer.stages=[[100, 1]]", "a side of 100 pixels cannot be halved five times"),
        ("trainer.stages=[128]", "trainer.stages: 128 is no [pixels, minutes]"),
        ("data.tile_px=100", "a side of 100 pixels"),
        ("model.kind=mask_rcnn", "mobilenet_v2 is for the U-Net"),
    ],
)
def test_values_out_of_bounds_name_setting_and_bounds(override: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(compose([DATA, override]))
    assert message in str(caught.value)


def test_stages_and_a_size_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="leave data.tile_px and trainer.minutes out"):
        check(compose([DATA, "trainer.stages=[[64, 1]]", "data.tile_px=64"]))


def test_a_training_without_data_says_so() -> None:
    with pytest.raises(UsageError, match="data.train is missing"):
        check(compose([]))


def test_a_config_of_unknown_settings_is_refused() -> None:
    with pytest.raises(UsageError, match="shoe_size is no setting"):
        from_values({"model": {"shoe_size": 42}})


def test_a_stored_training_takes_single_settings() -> None:
    stored = compose([DATA, "loss=focal", "trainer.lr=1e-3"])
    config = changed(stored, ["trainer.lr=1e-4", "data.workers=2"])
    assert (config.trainer.lr, config.data.workers, config.loss.name) == (1e-4, 2, "focal")
    with pytest.raises(UsageError, match="loss=dice: a stored training takes settings, no presets"):
        changed(stored, ["loss=dice"])


@pytest.mark.parametrize(("kind", "lr"), [("unet", 1e-3), ("mask_rcnn", 2e-4)])
def test_each_network_has_its_learning_rate_unless_told(kind: str, lr: float) -> None:
    assert greatest_lr(compose([DATA, f"model={kind}"])) == lr
    assert greatest_lr(compose([DATA, f"model={kind}", "trainer.lr=0.5"])) == 0.5


def test_a_sweep_gives_each_training_its_own_run_folder(tmp_path: Path) -> None:
    seen = []
    failed = sweep(
        [DATA, f"run={tmp_path}", "trainer.lr=1e-3,1e-4", "trainer.seed=0,1"],
        lambda config: seen.append((Path(config.run).name, config.trainer.lr, config.trainer.seed)),
    )
    assert seen == [("000", 1e-3, 0), ("001", 1e-3, 1), ("002", 1e-4, 0), ("003", 1e-4, 1)]
    assert failed == []


def test_a_failed_training_does_not_end_a_sweep(tmp_path: Path) -> None:
    def task(config: TrainConfig) -> None:
        if config.trainer.seed == 1:
            raise DatasetError("datasets/train: no such folder")

    failed = sweep([DATA, f"run={tmp_path}", "trainer.seed=0,1,2"], task)
    assert failed == [f"{tmp_path}/001: datasets/train: no such folder"]


def test_a_wrong_sweep_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean trainer.seed"):
        sweep([DATA, f"run={tmp_path}", "trainer.sed=0,1"], lambda config: None)
