"""Starting from another model: what is taken of it, what starts anew, and what does not fit."""

import pytest
import torch
from models_made import card_of, network_of, run_of

from ceruleanml.errors import ModelError
from ceruleanml.models.config import KINDS
from ceruleanml.models.session import started

TWO = ("background", "infra_slick")
OTHER = ("background", "natural_seep")
THREE = ("background", "infra_slick", "natural_seep")


def begun(folder, kind, classes, before=TWO):
    """A new network, the one it started from, and the note."""
    earlier = card_of(kind, classes=before, mean=(0.3,))
    network = network_of(card_of(kind, classes=classes, mean=(0.1,)), seed=2)
    note = started(network, card_of(kind, classes=classes), run_of(folder / "run", earlier, seed=1))
    return network, network_of(earlier, seed=1), note


def differing(network, other):
    """The names of the weights that are not the other's."""
    theirs = other.state_dict()
    return {
        name
        for name, value in network.state_dict().items()
        if theirs[name].shape != value.shape or not torch.equal(theirs[name], value)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_all_weights_are_taken_and_only_the_normalisation_is_its_own(tmp_path, kind):
    network, before, note = begun(tmp_path, kind, TWO)
    assert differing(network, before) == ({"normalise.mean"} if kind == "unet" else set())
    assert note == f"the network starts from the weights of {tmp_path / 'run'}"
    assert network.training


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [OTHER, THREE])
def test_for_other_classes_the_last_layers_start_anew(tmp_path, kind, classes):
    network, before, note = begun(tmp_path, kind, classes)
    changed = differing(network, before) - {"normalise.mean"}
    assert changed and all(name.startswith(network.heads) for name in changed)
    fresh = network_of(card_of(kind, classes=classes, mean=(0.1,)), seed=2).state_dict()
    assert all(torch.equal(network.state_dict()[name], fresh[name]) for name in fresh if name.startswith(network.heads))
    assert note.endswith("but for its classes, which are others")


@pytest.mark.parametrize(("kind", "channels", "says"), [
    ("unet", ("vv", "ships"), r"its channels is \('vv',\), here it is \(.vv., .ships.\); start from a model"),
    ("mask_rcnn", ("vv",), "its kind is unet, here it is mask_rcnn"),
])  # fmt: skip
def test_another_kind_of_network_does_not_fit(tmp_path, kind, channels, says):
    card = card_of(kind, channels=channels)
    with pytest.raises(ModelError, match=says):
        started(network_of(card), card, run_of(tmp_path / "run", card_of()))
