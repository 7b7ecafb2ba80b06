"""The bytes of an exported model: TorchScript for the service, ONNX, or a program of torch.export."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ceruleanml.errors import ModelError, UsageError
from ceruleanml.models.card import MULTIPLE_PX, Card
from ceruleanml.models.service_classes import ServiceClasses

MOST_TILES = 1024
MOST_PX = 8192
OPSET = 18
SLICK_OUTPUTS = ["boxes", "labels", "scores", "masks"]


def served_torchscript(card: Card, segmenter: Any, classes: ServiceClasses) -> bytes:
    """The TorchScript file of a network as the service calls it: traced (U-Net) or scripted and frozen (Mask R-CNN).

    Freezing leaves out the branches of torchvision whose operators the service's older runtime does not know.
    """
    import torch

    from ceruleanml.models.service_modules import CalibratedUNet, ServedMaskRcnn, ServedUNet

    with _exporting(card, "TorchScript"):
        jit: Any = torch.jit
        if card.kind == "unet":
            served = ServedUNet(CalibratedUNet(segmenter, card.temperature), classes.members)
            module = jit.trace(_still(served), _example(card), check_trace=False)
        else:
            script = jit.script(_still(ServedMaskRcnn(segmenter, classes.ids)))
            module = jit.freeze(script, optimize_numerics=False)
        return _buffered(lambda buffer: jit.save(module, buffer))


def exported_program(card: Card, segmenter: Any) -> bytes:
    """The .pt2 file of a U-Net, for any number of tiles whose sides are multiples of 32.

    Raises ModelError for a Mask R-CNN, whose work depends on how many slicks it finds.
    """
    import torch

    if card.kind != "unet":
        raise ModelError(
            f"model {card.name}: torch.export takes no Mask R-CNN, whose steps depend on what it finds; "
            "take --target cerulean-cloud or onnx"
        )
    with _exporting(card, "torch.export"):
        program = _program(card, segmenter)
        return _buffered(lambda buffer: torch.export.save(program, buffer))


def onnx_model(card: Card, segmenter: Any) -> bytes:
    """The .onnx file of a network.

    A U-Net takes `images` (n, bands, height, width), sides multiples of 32, and gives `logits`. A Mask R-CNN takes one
    `image` (bands, height, width) of its tile size and gives `boxes`, `labels`, `scores` and `masks`. Raises UsageError
    where the packages of the extra `onnx` are missing.
    """
    _check_onnx_is_there()
    with _exporting(card, "ONNX"):
        return _onnx_unet(card, segmenter) if card.kind == "unet" else _onnx_mask_rcnn(card, segmenter)


def _onnx_unet(card: Card, segmenter: Any) -> bytes:
    import torch

    exported: Any = torch.onnx.export(
        _program(card, segmenter), (), input_names=["images"], output_names=["logits"], dynamo=True, verbose=False
    )
    content: bytes = exported.model_proto.SerializeToString()
    return content


def _onnx_mask_rcnn(card: Card, segmenter: Any) -> bytes:
    """By the older exporter, since the newer one cannot follow how many slicks there are."""
    import torch

    from ceruleanml.models.service_modules import OneImageMaskRcnn

    network = _still(OneImageMaskRcnn(segmenter))
    many = {name: {0: "slicks"} for name in SLICK_OUTPUTS}
    write: Any = torch.onnx.export  # its annotations leave out that it writes into buffers
    return _buffered(
        lambda buffer: write(
            network, (_example(card)[0],), buffer, input_names=["image"], output_names=SLICK_OUTPUTS,
            dynamo=False, opset_version=OPSET, dynamic_axes=many, verbose=False,
        )
    )  # fmt: skip


def _program(card: Card, segmenter: Any) -> Any:
    import torch
    from torch.export import Dim

    from ceruleanml.models.service_modules import CalibratedUNet

    side = MOST_PX // MULTIPLE_PX
    shapes = {
        0: Dim("tiles", min=1, max=MOST_TILES),
        2: MULTIPLE_PX * Dim("rows", min=1, max=side),
        3: MULTIPLE_PX * Dim("columns", min=1, max=side),
    }
    network = _still(CalibratedUNet(segmenter, card.temperature))
    example = torch.cat([_example(card, wider_px=MULTIPLE_PX)] * 2)
    return torch.export.export(network, (example,), dynamic_shapes={"images": shapes})


def _example(card: Card, wider_px: int = 0) -> Any:
    import torch

    height = side_px(card)
    return torch.linspace(0, 1, card.bands * height * (height + wider_px)).view(1, card.bands, height, -1)


def side_px(card: Card) -> int:
    """The side of the model's tiles, up to the next multiple of 32."""
    return -(-card.tile_px // MULTIPLE_PX) * MULTIPLE_PX


def _still(module: Any) -> Any:
    """The module in evaluation mode and without gradients, so that whoever loads it holds no graph of them."""
    return module.eval().requires_grad_(False)


def _buffered(write: Callable[[io.BytesIO], Any]) -> bytes:
    buffer = io.BytesIO()  # a named file would put its name inside
    write(buffer)
    return buffer.getvalue()


@contextmanager
def _exporting(card: Card, form: str) -> Iterator[None]:
    """Keep PyTorch's own remarks on its exporters quiet, and say in one line what one of them cannot take."""
    import torch

    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # each exporter has its own tree, and some of its errors are hundreds of lines long
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"model {card.name}: PyTorch {torch.__version__} cannot turn it into {form} ({lines[0]}); "
            "take another --target"
        ) from error


def _check_onnx_is_there() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UsageError(f"--target onnx needs {error.name}; pip install 'ceruleanml[onnx]'") from error
