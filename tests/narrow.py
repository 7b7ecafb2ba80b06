"""Narrow networks: torchvision's own classes with few features, blocks and proposals, for trainings of a second.

For tests of everything but the networks themselves: the fixture `narrow_networks` of conftest.py. A program that a test
starts calls `make_narrow()`; Dask's workers do so when they begin (`dask_setup`).
"""

from contextlib import contextmanager
from functools import partial

WIDTH = 0.25
"""The share of MobileNet's features; a ResNet has half of that."""
DEEPEST = {"mobilenet_v2": 80, "resnet18": 64}
"""The features of the deepest layer of an encoder."""
STAGES = [[1, 16, 1, 1], [6, 24, 1, 2], [6, 32, 1, 2], [6, 64, 1, 2], [6, 320, 1, 2]]
"""Growth, features, blocks and stride: MobileNet's stages with one block each."""
HIDDEN, PROPOSALS = 16, 16


def encoder(name, **options):
    """The encoder of that name, narrow; other ResNets than the first as they are."""
    from torchvision import models

    if name == "mobilenet_v2":
        return models.MobileNetV2(width_mult=WIDTH, inverted_residual_setting=STAGES, **options)
    return _narrow_resnet()(**options) if name == "resnet18" else models.get_model(name, weights=None, **options)


def _narrow_resnet():
    from torchvision.models.resnet import BasicBlock, ResNet

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *rest, **options):
            return super()._make_layer(block, planes // 8, *rest, **options)

    return partial(Narrow, BasicBlock, [1, 1, 1, 1], num_classes=10)


def _mask_rcnn(original, self, backbone, classes):
    """Build torchvision's Mask R-CNN with small heads and few proposals, by arguments that it takes from anyone."""
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
    from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

    few = {f"rpn_{when}_nms_top_n_{use}": PROPOSALS for when in ("pre", "post") for use in ("train", "test")}
    original(
        self, backbone, box_head=TwoMLPHead(backbone.out_channels * 7**2, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, classes),
        mask_head=MaskRCNNHeads(backbone.out_channels, (HIDDEN,) * 2, 1),
        mask_predictor=MaskRCNNPredictor(HIDDEN, HIDDEN, classes), box_batch_size_per_image=PROPOSALS, **few,
    )  # fmt: skip


def make_narrow(patch=setattr):
    """Make the networks that this process builds from here on narrow ones."""
    from torchvision.models.detection import MaskRCNN

    from ceruleanml.models import encoders

    original = MaskRCNN.__init__
    patch(encoders, "_network", encoder)
    patch(MaskRCNN, "__init__", lambda self, backbone, classes: _mask_rcnn(original, self, backbone, classes))


def dask_setup(worker):
    """What Dask calls in a worker that begins."""
    make_narrow()


@contextmanager
def narrowed():
    """Narrow networks here and in the workers of Dask's clusters that begin in the block."""
    import dask
    import distributed  # noqa: F401 # reads its settings, which are to be changed
    import pytest

    with pytest.MonkeyPatch.context() as patched, dask.config.set({"distributed.worker.preload": [__file__]}):
        make_narrow(patched.setattr)
        yield
