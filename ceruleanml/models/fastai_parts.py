"""What is used of fastai, imported without the warnings that it meets on newer libraries.

It calls torch.jit.script and an option of pandas that both are deprecated; neither is ours to mend, and users should
not read of them before each training.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastai.callback.core import (
        Callback,
        CancelEpochException,
        CancelFitException,
        CancelStepException,
        CancelValidException,
        TrainEvalCallback,
    )
    from fastai.callback.schedule import valley
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper
    from fastai.vision.models.unet import DynamicUnet

__all__ = [
    "Callback", "CancelEpochException", "CancelFitException", "CancelStepException", "CancelValidException",
    "DynamicUnet", "Learner", "OptimWrapper", "TrainEvalCallback", "valley",
]  # fmt: skip
