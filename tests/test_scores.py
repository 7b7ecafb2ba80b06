"""Pixels counted by class, and the figures that come of them."""

import pytest
import torch

from ceruleanml.models.distributed import Ranks
from ceruleanml.models.objectives import drawn
from ceruleanml.models.scores import Judgement, LossSums, class_figures, confusion, score_of

NAMES = ("background", "infra_slick", "natural_seep")


def test_confusion_of_a_tile():
    truth = torch.tensor([[[0, 0, 1, 255], [2, 1, 1, 255]]])
    found = torch.tensor([[[0, 1, 1, 2], [0, 1, 2, 0]]])
    assert confusion(truth, found, 3).tolist() == [[1, 1, 0], [0, 2, 1], [1, 0, 0]]


def test_figures_of_each_class():
    figures = class_figures([[1, 1, 0], [0, 2, 1], [1, 0, 0]], NAMES)
    assert figures["infra_slick"] == {"iou": 0.5, "dice": 0.666667, "precision": 0.666667, "recall": 0.666667}
    assert figures["natural_seep"] == {"iou": 0.0, "dice": 0.0, "precision": 0.0, "recall": 0.0}


def test_a_class_that_never_appears_is_unknown_and_does_not_count():
    judgement = Judgement(NAMES)
    judgement.add({"loss": torch.tensor(1.0)}, torch.tensor([[[1, 0]]]), torch.tensor([[[1, 2]]]))
    figures = judgement.figures(Ranks())
    assert figures["classes"]["natural_seep"] == {"iou": 0.0, "dice": 0.0, "precision": 0.0, "recall": None}
    assert (figures["mean_iou"], figures["mean_dice"]) == (1.0, 1.0)


def test_a_validation_without_slicks_is_scored_by_its_loss():
    judgement = Judgement(NAMES)
    judgement.add({"loss": torch.tensor(0.25)}, torch.zeros(1, 1, 2, dtype=torch.int64), torch.zeros(1, 1, 2).long())
    assert judgement.figures(Ranks())["mean_dice"] is None
    assert score_of(judgement.figures(Ranks())) == (0.0, -0.25)


def test_losses_are_weighted_by_their_tiles():
    sums = LossSums()
    sums.add({"a": torch.tensor(1.0), "b": torch.tensor(10.0)}, 3)
    sums.add({"a": torch.tensor(5.0), "b": torch.tensor(10.0)}, 1)
    assert sums.means(Ranks()) == {"loss": 12.0, "a": 2.0, "b": 10.0}
    assert LossSums.of(sums.state(Ranks()), "cpu", Ranks()).means(Ranks()) == sums.means(Ranks())


def test_one_loss_is_not_said_twice():
    sums = LossSums()
    sums.add({"loss": torch.tensor(2.0)}, 3)
    assert sums.means(Ranks()) == {"loss": 2.0}


@pytest.mark.parametrize(("labels", "expected"), [([1, 2], [[1, 2, 2, 0]]), ([2, 1], [[2, 1, 1, 0]])])
def test_instances_drawn_over_each_other(labels, expected):
    masks = torch.tensor([[[1, 1, 0, 0]], [[0, 1, 1, 0]]], dtype=torch.uint8)
    assert drawn([{"labels": torch.tensor(labels), "masks": masks}], (1, 4)).tolist() == [expected]
