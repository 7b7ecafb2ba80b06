"""Losses against figures worked out by hand, and what they must never do."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import UsageError
from ceruleanml.models.config import LossConfig
from ceruleanml.models.losses import make_loss
from ceruleanml.models.targets import IGNORE

CLASSES = ("background", "infra_slick", "old_vessel")
NAMES = ("cross_entropy", "focal", "dice", "combination")


def loss_of(name, logits, targets, classes=CLASSES, **more):
    return make_loss(LossConfig(name=name, **more), classes)(logits, targets)


def logits_of(*probabilities):
    """Logits (1, classes, 1, pixels) of pixels with these probabilities of each class."""
    return torch.tensor(probabilities).log().T[None, :, None, :]


def targets_of(*classes):
    return torch.tensor(classes)[None, None, :]


HALVES = logits_of([0.5, 0.25, 0.25], [0.25, 0.5, 0.25])


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("cross_entropy", {}, math.log(2)),
        ("focal", {"gamma": 2.0}, 0.25 * math.log(2)),
        ("dice", {}, 1 - 2 * 0.5 / (0.75 + 1)),
        ("combination", {"dice_weight": 2.0}, math.log(2) + 2 * (1 - 1 / 1.75)),
    ],
)
def test_two_pixels_by_hand(name, more, expected):
    assert loss_of(name, HALVES, targets_of(0, 1), **more).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", NAMES)
def test_ignored_pixels_count_nowhere(name):
    more = torch.cat([HALVES, logits_of([0.001, 0.001, 0.998])], dim=3)
    assert loss_of(name, more, targets_of(0, 1, IGNORE)).item() == pytest.approx(
        loss_of(name, HALVES, targets_of(0, 1)).item()
    )


def test_class_weights_weigh_pixels():
    logits = logits_of([0.5, 0.25, 0.25], [0.75, 0.125, 0.125])
    found = loss_of("cross_entropy", logits, targets_of(0, 1), class_weights={"infra_slick": 3.0})
    assert found.item() == pytest.approx((math.log(2) + 3 * math.log(8)) / 4)
    weight = torch.tensor([1.0, 3.0, 1.0])
    assert found.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, targets_of(0, 1), weight).item())


def test_dice_is_meaned_over_the_shown_classes_by_weight():
    logits = logits_of([0.0001, 0.9998, 0.0001], [0.5, 0.0001, 0.4999])
    one, other = 1 - 2 * 0.9998 / (0.9999 + 1), 1 - 2 * 0.4999 / (0.5 + 1)
    assert loss_of("dice", logits, targets_of(1, 2)).item() == pytest.approx((one + other) / 2, rel=1e-4)
    weighed = loss_of("dice", logits, targets_of(1, 2), class_weights={"old_vessel": 4.0})
    assert weighed.item() == pytest.approx((one + 4 * other) / 5, rel=1e-4)


def test_dice_of_sea_alone_is_nothing():
    assert loss_of("dice", HALVES, targets_of(0, 0)).item() == 0


@given(seed=st.integers(0, 1000))
def test_focal_without_gamma_is_cross_entropy(seed):
    torch.manual_seed(seed)
    logits, targets = torch.randn(2, 3, 4, 5), torch.randint(0, 3, (2, 4, 5))
    targets[0, 0] = IGNORE
    expected = torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORE)
    assert loss_of("focal", logits, targets, gamma=0.0).item() == pytest.approx(expected.item(), rel=1e-5)
    assert loss_of("cross_entropy", logits, targets).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_answer_costs_nothing(name):
    targets = torch.tensor([[[0, 1], [2, 2]]])
    logits = 40.0 * torch.nn.functional.one_hot(targets, 3).permute(0, 3, 1, 2).float()
    assert loss_of(name, logits, targets).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [1.0, 3e4])
def test_a_batch_of_ignored_pixels_gives_zero_and_zero_gradients(name, scale):
    logits = (scale * torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    loss = loss_of(name, logits, torch.full((2, 4, 4), IGNORE))
    loss.backward()
    assert loss.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gamma", [0.5, 2.0])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_gradients_stay_finite_in_half_precision_and_at_extremes(name, gamma, kind):
    logits = torch.tensor([[6e4, -6e4, 0.0], [-6e4, 6e4, 0.0], [1.0, 0.0, -1.0]]).T[None, :, None].to(kind)
    logits.requires_grad_()
    loss = loss_of(name, logits, targets_of(0, 0, 2), gamma=gamma)
    loss.backward()
    assert loss.dtype == torch.float32 and torch.isfinite(loss) and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_following_the_gradient_makes_it_less(name):
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    targets = torch.tensor([[[0, 1], [2, 1]]])
    before = loss_of(name, logits, targets)
    before.backward()
    with torch.no_grad():
        assert loss_of(name, logits - logits.grad, targets) < before


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"seep": 2.0}, "loss.class_weights: seep is no class of this training; it has background, infra_slick"),
        ({"old_vessel": -1.0}, "old_vessel -1 cannot be; give 0 or more"),
    ],
)
def test_weights_that_cannot_be(weights, words):
    with pytest.raises(UsageError) as caught:
        make_loss(LossConfig(class_weights=weights), CLASSES)
    assert words in str(caught.value)
