"""One way to ask any model: a run folder, or a file that was exported from one, with numpy arrays in and out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import ModelError, UsageError
from ceruleanml.models.card import CARD_NAME, WEIGHTS_NAME, Card, read_card
from ceruleanml.models.ensemble_folder import is_ensemble, read_ensemble
from ceruleanml.models.segmenter import load_segmenter
from ceruleanml.storage import sha256_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = NDArray[np.float32]
EXPORTED = ("scripting_cpu_model.pt", "tracing_cpu_model.pt", "model.onnx", "model.pt2")
"""Names of exported models; their card lies beside them."""


@dataclass(frozen=True)
class Detections:
    """The slicks of one image, best score first.

    `boxes` float32 (k, 4) as x0, y0, x1, y1 in pixels, `labels` int64 (k,), `scores` float32 (k,), `masks` float32
    (k, height, width), the probability of each pixel.
    """

    boxes: Floats
    labels: NDArray[np.int64]
    scores: Floats
    masks: Floats


class Predictor(Protocol):
    """A model that can be asked. Images are float32 (n, bands, height, width) in [0, 1], sides multiples of 32."""

    card: Card

    def probabilities(self, images: Floats) -> Floats:
        """The probability of each class at each pixel, float32 (n, classes, height, width), summing to 1."""

    def detections(self, images: Floats) -> list[Detections]:
        """The slicks of each image. Raises ModelError for a U-Net, which has none."""


def load_predictor(path: Path, device: str = "auto") -> Predictor:
    """The model in a run folder, an export folder, or an exported .pt, .onnx or .pt2 file with its card beside it.

    The folder of an ensemble of U-Nets is one model too, the mean of its members. `device` is "auto" (a GPU where
    there is one), "cpu" or "cuda"; exported files run on the CPU. Raises ModelError.
    """
    if is_ensemble(path):
        from ceruleanml.models.mean_predictor import load_ensemble

        return load_ensemble(path, read_ensemble(path), device)
    file = _exported_file(path)
    if file is None:
        chosen = choose_device(device)
        card, segmenter = load_segmenter(path if path.is_dir() else path.parent)
        module: Any = segmenter
        return NetworkPredictor(card, module.to(chosen), chosen)
    card = read_card(file.with_name(CARD_NAME))
    run = {".pt": _torchscript, ".onnx": _onnx, ".pt2": _exported_program}[file.suffix](file)
    return _FilePredictor(card, run)


def weights_file(path: Path) -> Path:
    """The file of weights that `load_predictor` reads for a path: an exported model, or the weights of a run."""
    return _exported_file(path) or (path if path.is_dir() else path.parent) / WEIGHTS_NAME


def weights_files(path: Path) -> tuple[Path, ...]:
    """The same for a model of several members: the file of each."""
    members = read_ensemble(path) if is_ensemble(path) else (path,)
    return tuple(weights_file(member) for member in members)


def model_sha256(path: Path) -> str:
    """The sha256 of a model's file of weights; of an ensemble, that over its members' one after the other."""
    found = [sha256_of(file) for file in weights_files(path)]
    return found[0] if not is_ensemble(path) else hashlib.sha256("".join(found).encode()).hexdigest()


def choose_device(device: str) -> torch.device:
    """The device of that name. Raises UsageError for one that is not there."""
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device}: is not there; choose auto or cpu") from error
    return chosen


class NetworkPredictor:
    """A network in this process, on any device."""

    def __init__(self, card: Card, segmenter: Any, device: torch.device) -> None:
        self.card = card
        self._segmenter = segmenter
        self._device = device

    def probabilities(self, images: Floats) -> Floats:
        """The probability of each class at each pixel."""
        import torch

        with torch.inference_mode():
            found = self._segmenter.probabilities(self._tensor(images), self.card.temperature)
        return _array(found)

    def detections(self, images: Floats) -> list[Detections]:
        """The slicks of each image."""
        import torch

        with torch.inference_mode():
            return [_detections(found) for found in self._segmenter.detections(self._tensor(images))]

    def _tensor(self, images: Floats) -> Tensor:
        import torch

        _check_bands(self.card, images)
        return torch.from_numpy(np.ascontiguousarray(images)).to(self._device)


class _FilePredictor:
    """An exported model: `run` takes the images to logits or, for Mask R-CNN, to its dictionaries."""

    def __init__(self, card: Card, run: Callable[[Card, Floats], Any]) -> None:
        self.card = card
        self._run = run

    def probabilities(self, images: Floats) -> Floats:
        """The probability of each class at each pixel."""
        import torch

        _check_bands(self.card, images)
        found = self._run(self.card, images)
        if self.card.kind == "unet":
            return _array(torch.softmax(torch.as_tensor(found).float() / self.card.temperature, dim=1))
        from ceruleanml.models.mask_rcnn import merged

        return _array(torch.stack([merged(one, len(self.card.classes), images.shape[-2:]) for one in found]))

    def detections(self, images: Floats) -> list[Detections]:
        """The slicks of each image."""
        if self.card.kind == "unet":
            raise ModelError("a U-Net has no detections; cut its probabilities into slicks instead")
        _check_bands(self.card, images)
        return [_detections(found) for found in self._run(self.card, images)]


def _torchscript(file: Path) -> Callable[[Card, Floats], Any]:
    import warnings

    import torch
    import torchvision  # noqa: F401 # brings the operators that a scripted Mask R-CNN calls

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated, and what the service loads
            module = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{file}: is truncated, corrupt or of another PyTorch; export the model again") from error

    def run(card: Card, images: Floats) -> Any:
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(images))
            return module(tensor) if card.kind == "unet" else module(list(tensor))[1]

    return run


def _onnx(file: Path) -> Callable[[Card, Floats], Any]:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(f"{file}: needs onnxruntime; pip install 'ceruleanml[onnx]'") from error
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors: of sizes that an exporter could not know it warns a hundred times
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own tree, rooted in Exception
        raise ModelError(f"{file}: is truncated, corrupt or no ONNX model; export the model again") from error

    def run(card: Card, images: Floats) -> Any:
        (entry,) = session.get_inputs()
        if card.kind == "unet":
            return session.run(None, {entry.name: images})[0]
        if tuple(entry.shape[1:]) != images.shape[2:]:
            raise ModelError(
                f"{file}: takes tiles of {entry.shape[1]} x {entry.shape[2]} pixels alone, these have "
                f"{images.shape[2]} x {images.shape[3]}; take the run folder"
            )
        return [_named(session.run(None, {entry.name: image})) for image in images]

    return run


def _named(boxes_labels_scores_masks: list[Any]) -> dict[str, Any]:
    import torch

    names = ("boxes", "labels", "scores", "masks")
    return {name: torch.from_numpy(value) for name, value in zip(names, boxes_labels_scores_masks, strict=True)}


def _exported_program(file: Path) -> Callable[[Card, Floats], Any]:
    import torch

    from ceruleanml.models.program_file import load_program

    module = load_program(file)

    def run(card: Card, images: Floats) -> Any:
        with torch.inference_mode():
            return module(torch.from_numpy(np.ascontiguousarray(images)))

    return run


def _exported_file(path: Path) -> Path | None:
    """The exported model that `path` is or holds, None for a run folder. Raises ModelError for anything else."""
    if path.is_dir():
        return next((path / name for name in EXPORTED if (path / name).is_file()), None)
    if not path.is_file():
        raise ModelError(f"{path}: no such model; name a run folder of ceruleanml train, or an exported file")
    if path.suffix not in (".pt", ".onnx", ".pt2"):
        raise ModelError(f"{path}: is no exported model; those end in .pt, .onnx or .pt2")
    if not path.with_name(CARD_NAME).is_file():
        raise ModelError(f"{path}: its card {CARD_NAME} is not beside it; keep the files of an export together")
    return None if path.name == WEIGHTS_NAME else path


def _check_bands(card: Card, images: Floats) -> None:
    if images.ndim != 4 or images.shape[1] != card.bands:
        raise ModelError(
            f"model {card.name}: takes (n, {card.bands}, height, width), bands {', '.join(card.channels)}; "
            f"got {images.shape}"
        )


def _detections(found: dict[str, Tensor]) -> Detections:
    return Detections(
        _array(found["boxes"]), found["labels"].cpu().numpy(), _array(found["scores"]), _array(found["masks"][:, 0])
    )


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.float().cpu().numpy())
