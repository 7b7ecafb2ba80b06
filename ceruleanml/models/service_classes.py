"""What SkyTruth's service calls our classes and channels, and what it cannot take."""

from __future__ import annotations

from dataclasses import dataclass

from ceruleanml.classes import load_classes
from ceruleanml.errors import ModelError
from ceruleanml.models.card import Card

SERVICE_CLASSES = ("BACKGROUND", "INFRA", "NATURAL", "VESSEL")
"""The service's names by its ids."""
SERVICE_OF = {
    "background": 0,
    "infra_slick": 1,
    "natural_seep": 2,
    "coincident_vessel": 3,
    "recent_vessel": 3,
    "old_vessel": 3,
}
"""The service's id of each of our classes."""
LAYER_OF = {
    "vv": "VV",
    "infra_distance": "INFRA",
    "ship_density": "VESSEL",
    "full": "ALL_255",
    "zeros": "ALL_ZEROS",
}
"""The service's name of each of our channels."""
SHOWN_AS = {0: "background", 1: "infra_slick", 2: "natural_seep", 3: "recent_vessel"}
"""Whose colours the service's classes take on maps."""


@dataclass(frozen=True)
class ServiceClasses:
    """How a model's classes become the service's: `ids` one a class of the model, `members` one tuple a service class.

    A service class without members is one the model never learnt; it never wins.
    """

    ids: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]


def service_classes(card: Card) -> ServiceClasses:
    """The service's id of each class of the model. Raises ModelError for a class that the service does not know."""
    strange = [name for name in card.classes if name not in SERVICE_OF]
    if strange:
        raise ModelError(
            f"model {card.name}: its class {strange[0]!r} is none of the service's; train again with "
            f"'data.drop_classes=[{strange[0]}]', or merge it: 'data.merge_classes={{{strange[0]}: recent_vessel}}'"
        )
    ids = tuple(SERVICE_OF[name] for name in card.classes)
    members = tuple(tuple(own for own, service in enumerate(ids) if service == one) for one in range(4))
    return ServiceClasses(ids, members)


def service_layers(card: Card) -> tuple[str, ...]:
    """The service's names of the model's channels, in their order.

    Raises ModelError for a channel that the service does not make, another first one than VV, radar pixels that are
    no clipped digital numbers, and for a U-Net of several channels.
    """
    strange = [name for name in card.channels if name not in LAYER_OF]
    if strange:
        raise ModelError(
            f"model {card.name}: the service makes no channel {strange[0]!r}; train on {', '.join(LAYER_OF)} alone"
        )
    if card.channels[0] != "vv" or card.polarisation != "vv":
        raise ModelError(
            f"model {card.name}: its first channel is {card.channels[0]} of polarisation {card.polarisation}, the "
            "service's is VV; train with data.channels beginning with vv, on vv scenes"
        )
    if card.radiometry != "dn":
        raise ModelError(
            f"model {card.name}: was trained on {card.radiometry} and the service sends digital numbers; train on a "
            "data set made with --radiometry dn"
        )
    if card.kind == "unet" and card.bands > 1:
        raise ModelError(
            f"model {card.name}: a U-Net of {card.bands} channels cannot be served, since the service multiplies its "
            "classes by a mask of the input's channels; train it with 'data.channels=[vv]', or take a Mask R-CNN"
        )
    return tuple(LAYER_OF[name] for name in card.channels)


def served_card(card: Card) -> Card:
    """The card of the model as the service has it: its four classes, and the temperature inside the network.

    Our classes count as merged into the service's, so that it is still judged by labels of ours.
    """
    table = load_classes()
    rows = table.as_rows()
    names = tuple(name.lower() for name in SERVICE_CLASSES)
    shown = (rows[table.id_of(SHOWN_AS[number])] for number in range(len(names)))
    renamed = tuple(
        {**row, "id": number, "name": name, "title": name.capitalize(), "letter": name[0].upper() if number else "-"}
        for number, (name, row) in enumerate(zip(names, shown, strict=True))
    )
    ours = {name: names[SERVICE_OF[name]] for name in card.classes[1:]}
    before = card.dataset.get("merge_classes") or {}
    merged = {**ours, **{name: ours.get(target, target) for name, target in before.items()}}
    dataset = {**card.dataset, "merge_classes": merged}
    return card.with_(classes=names, class_rows=renamed, temperature=1.0, dataset=dataset)
