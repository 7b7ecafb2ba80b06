"""Asking a model: run folders, cards, weights, and every way in which they can be broken or hostile."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from models_made import Hostile, card_of, network_of, run_of
from torch._export.serde.schema import SCHEMA_VERSION

from ceruleanml.errors import ModelError, UsageError
from ceruleanml.models.artefacts import exported_program
from ceruleanml.models.card import read_card, write_card
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.weights import load_state, save_state

pytestmark = pytest.mark.usefixtures("narrow_networks")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((2, 1, 64, 64), np.float32)


@pytest.mark.parametrize("kind", ["unet", "mask_rcnn"])
def test_a_run_folder_answers_as_its_network_does(tmp_path: Path, images: np.ndarray, kind: str) -> None:
    run = run_of(tmp_path / "run", card_of(kind))
    with torch.inference_mode():
        expected = network_of(card_of(kind)).probabilities(torch.from_numpy(images))
    found = load_predictor(run, "cpu").probabilities(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.numpy())


def test_weights_may_be_named_in_place_of_their_folder(tmp_path: Path, images: np.ndarray) -> None:
    run = run_of(tmp_path / "run", card_of())
    by_file = load_predictor(run / "weights.pt", "cpu").probabilities(images)
    np.testing.assert_array_equal(by_file, load_predictor(run, "cpu").probabilities(images))


def test_detections_are_arrays_of_one_length(tmp_path: Path, images: np.ndarray) -> None:
    found = load_predictor(run_of(tmp_path / "run", card_of("mask_rcnn")), "cpu").detections(images)
    assert len(found) == 2
    for one in found:
        count = len(one.scores)
        assert one.boxes.shape == (count, 4)
        assert one.labels.shape == (count,)
        assert one.masks.shape == (count, 64, 64)


def test_the_temperature_of_the_card_is_applied(tmp_path: Path, images: np.ndarray) -> None:
    run = run_of(tmp_path / "run", card_of(temperature=3.0))
    with torch.inference_mode():
        expected = network_of(card_of()).probabilities(torch.from_numpy(images), 3.0)
    np.testing.assert_array_equal(load_predictor(run, "cpu").probabilities(images), expected.numpy())


def test_a_torch_export_program_is_loaded(tmp_path: Path, images: np.ndarray) -> None:
    _export_program(tmp_path)
    expected = load_predictor(run_of(tmp_path / "run", card_of()), "cpu").probabilities(images)
    np.testing.assert_allclose(load_predictor(tmp_path / "model.pt2").probabilities(images), expected, atol=1e-6)


def test_images_of_another_number_of_bands_are_refused(tmp_path: Path) -> None:
    predictor = load_predictor(run_of(tmp_path / "run", card_of()), "cpu")
    with pytest.raises(ModelError, match=r"takes \(n, 1, height, width\), bands vv"):
        predictor.probabilities(np.zeros((1, 3, 64, 64), np.float32))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", card_of())
    with pytest.raises(UsageError, match="device warp9: is not there; choose auto or cpu"):
        load_predictor(run, "warp9")


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    state = network_of(card_of()).state_dict()
    save_state(tmp_path / "one.pt", state)
    save_state(tmp_path / "another name.pt", state)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another name.pt").read_bytes()


def test_a_hostile_file_of_weights_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", card_of())
    trace = tmp_path / "trace"
    torch.save({"weights": Hostile(trace)}, run / "weights.pt")
    with pytest.raises(ModelError, match=r"weights.pt: holds more than tensors"):
        load_predictor(run)
    assert not trace.exists()


def test_a_bare_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (tmp_path / "weights.pt").write_bytes(pickle.dumps(Hostile(trace)))
    with pytest.raises(ModelError, match=r"weights.pt"):
        load_state(tmp_path / "weights.pt")
    assert not trace.exists()


def test_a_hostile_program_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    """torch.export.load alone would run it, as the last assertion shows."""
    _export_program(tmp_path)
    trace = tmp_path / "trace"
    _poison(tmp_path / "model.pt2", trace)
    with pytest.raises(ModelError, match=r"model.pt2: holds more than tensors"):
        load_predictor(tmp_path)
    assert not trace.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011 # torch finds nothing where a tensor should be
        torch.export.load(tmp_path / "model.pt2").module()
    assert trace.exists()


def test_a_program_of_the_older_format_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    """torch.export.load unpickles its members without limits where they hold more than tensors."""
    _export_program(tmp_path)
    trace, code = tmp_path / "trace", io.BytesIO()
    torch.save(Hostile(trace), code)
    described = _members(tmp_path / "model.pt2")
    older = {"version": ".".join(map(str, SCHEMA_VERSION)).encode()}
    older["serialized_exported_program.json"] = next(v for k, v in described.items() if k.endswith("models/model.json"))
    older |= {f"serialized_{one}.pt": code.getvalue() for one in ("state_dict", "constants", "example_inputs")}
    _write_members(tmp_path / "model.pt2", older)
    with pytest.raises(ModelError, match=r"model.pt2: holds more than tensors"):
        load_predictor(tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"expr_str": "', "\"expr_str\": \"__import__('os').mkdir('{trace}')+"),
        ('"guards_code": [', "\"guards_code\": [\"__import__('os').mkdir('{trace}')\", "),
        ('"target": "torch.ops.aten.conv2d.default"', '"target": "torch.hub.load"'),
        ('"name": "', '"name": "x=open(),'),
    ],
)
def test_code_in_the_description_of_a_program_never_runs(tmp_path: Path, old: str, new: str) -> None:
    trace = tmp_path / "trace"
    write_card(tmp_path / "model.json", card_of())
    (tmp_path / "model.pt2").write_bytes(_our_program())
    members = _members(tmp_path / "model.pt2")
    (name,) = (name for name in members if name.endswith("models/model.json"))
    assert old in members[name].decode()
    members[name] = members[name].decode().replace(old, new.replace("{trace}", str(trace)), 1).encode()
    _write_members(tmp_path / "model.pt2", members)
    if "guards" in old:  # those are left out
        load_predictor(tmp_path)
    else:
        with pytest.raises(ModelError, match=r"model.pt2: holds more than tensors"):
            load_predictor(tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["data/aotinductor/model/code.so", "data/weights/opaque_obj_0", "extra/more.txt"])
def test_a_program_with_other_members_is_refused(tmp_path: Path, name: str) -> None:
    _export_program(tmp_path)
    members = _members(tmp_path / "model.pt2")
    root = next(iter(members)).partition("/")[0]
    _write_members(tmp_path / "model.pt2", {**members, f"{root}/{name}": b"code"})
    with pytest.raises(ModelError, match=r"model.pt2: holds more than tensors"):
        load_predictor(tmp_path)


def test_a_program_with_a_list_that_is_none_is_named(tmp_path: Path) -> None:
    write_card(tmp_path / "model.json", card_of())
    _write_members(tmp_path / "model.pt2", {"model/data/weights/model_weights_config.json": b"[1]"})
    with pytest.raises(ModelError, match=r"model.pt2: is truncated, corrupt"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights_are_named(tmp_path: Path, share: float) -> None:
    run = run_of(tmp_path / "run", card_of())
    whole = (run / "weights.pt").read_bytes()
    (run / "weights.pt").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match=r"weights.pt: is "):
        load_predictor(run)


def test_a_truncated_program_is_named(tmp_path: Path) -> None:
    _export_program(tmp_path)
    whole = (tmp_path / "model.pt2").read_bytes()
    (tmp_path / "model.pt2").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"model.pt2: is truncated"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("name", ["tracing_cpu_model.pt", "model.onnx"])
def test_exported_files_that_are_none_are_named(tmp_path: Path, name: str) -> None:
    write_card(tmp_path / "model.json", card_of())
    (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(ModelError, match=f"{name}: is truncated"):
        load_predictor(tmp_path / name)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", card_of())
    write_card(run, card_of(encoder="resnet18"))
    with pytest.raises(ModelError, match="another network than its card describes"):
        load_predictor(run)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not the card of a model"),
        ('{"format_version": 99}', "has format version 99, this program reads 1"),
        ('{"format_version": 1}', "is incomplete"),
        ('{"format_version": 1, "shoe_size": 42}', "unknown entry 'shoe_size'"),
    ],
)
def test_broken_cards_are_named(tmp_path: Path, content: str, message: str) -> None:
    run = run_of(tmp_path / "run", card_of())
    (run / "model.json").write_text(content)
    with pytest.raises(ModelError, match=message):
        load_predictor(run)


def test_a_card_whose_parts_do_not_fit_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", card_of())
    write_card(run, card_of(mean=(0.1, 0.2)))
    with pytest.raises(ModelError, match="do not fit together"):
        read_card(run)


def test_cards_come_back_as_they_were_written(tmp_path: Path) -> None:
    card = card_of(thresholds={"score": 0.3}, db_range=(-35.0, 0.0), class_rows=({"id": 0, "name": "background"},))
    write_card(tmp_path / "model.json", card)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere", "no such model"), ("readme.txt", "is no exported model"), ("lonely.onnx", "is not beside it")],
)
def test_paths_that_hold_no_model_are_named(tmp_path: Path, path: str, message: str) -> None:
    (tmp_path / "readme.txt").touch()
    (tmp_path / "lonely.onnx").touch()
    with pytest.raises(ModelError, match=message):
        load_predictor(tmp_path / path)


def test_an_empty_folder_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no model.json; name a run folder"):
        load_predictor(tmp_path)


@cache
def _program() -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(network_of(card_of()), (torch.rand(2, 1, 64, 64),)), buffer)
    return buffer.getvalue()


@cache
def _our_program() -> bytes:
    return exported_program(card_of(), network_of(card_of()))


def _export_program(folder: Path) -> None:
    (folder / "model.pt2").write_bytes(_program())
    write_card(folder / "model.json", card_of())


def _poison(file: Path, trace: Path) -> None:
    """Mark the first weight of a program as pickled, and pickle code in its place."""
    members = _members(file)
    config = next(name for name in members if name.endswith("weights_config.json"))
    content = json.loads(members[config])
    first = next(iter(content["config"].values()))
    first["use_pickle"] = True
    buffer = io.BytesIO()
    torch.save(Hostile(trace), buffer)
    members[config] = json.dumps(content).encode()
    members[f"{Path(config).parent}/{first['path_name']}"] = buffer.getvalue()
    _write_members(file, members)


def _members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write_members(file: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, value in members.items():
            archive.writestr(name, value)
