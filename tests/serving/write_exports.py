"""Write exports of both kinds of network, and beside each what the network itself says: for `run_exports.py`.

    python tests/serving/write_exports.py FOLDER

The networks have random weights, whose scores are nearer to each other and to their thresholds than a trained one's.
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from datasets_made import box_mask, make_dataset_folder, speckle
from models_made import card_of, run_of

from ceruleanml.models.export import export
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.service_classes import service_classes
from ceruleanml.models.weights import load_state, save_state

SIDE = (256, 256)
CLASSES = ("background", "natural_seep", "recent_vessel", "old_vessel")
CHANNELS = {"unet": ("vv",), "mask_rcnn": ("vv", "full", "ship_density")}
NETWORKS = (("unet", "mobilenet_v2"), ("unet", "resnet34"), ("mask_rcnn", "resnet18"), ("mask_rcnn", "resnet50"))
SCORE_BIAS = 3.5
"""Raises the background's score, so that Mask R-CNN finds some slicks and not the hundred that it returns at most."""


def write(folder: Path, kind: str, encoder: str) -> None:
    """One model's export, and `expected.npz`: the tiles as bytes and the network's answers in the service's classes."""
    channels = CHANNELS[kind]
    slick = [(2, "a/1", box_mask(slice(100, 110), slice(20, 230), SIDE))]
    tiles = make_dataset_folder(
        folder / "tiles", {"a": [((0, 0), speckle(1, SIDE, len(channels)), slick)]}, channels=channels
    )
    card = card_of(kind, encoder, channels, classes=CLASSES, tile_px=SIDE[0], temperature=1.5)
    run = run_of(folder / "run", card)
    if kind == "mask_rcnn":
        state = load_state(run / "weights.pt")
        state["roi_heads.box_predictor.cls_score.bias"][0] += SCORE_BIAS
        save_state(run / "weights.pt", state)
    export(run, "cerulean-cloud", folder / "export", tiles)
    shown = np.stack([speckle(seed, SIDE, len(channels)) for seed in (2, 3, 4)])
    shown[2] = 0
    np.savez(folder / "expected.npz", tiles=shown, **answers(run, kind, shown))


def answers(run: Path, kind: str, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """The network's probabilities, or its slicks with the number of each tile."""
    predictor = load_predictor(run, "cpu")
    classes = service_classes(predictor.card)
    images = tiles.astype(np.float32) / np.float32(255)
    if kind == "unet":
        own = predictor.probabilities(images)
        return {"probabilities": np.stack([own[:, list(one)].sum(axis=1) for one in classes.members], axis=1)}
    found = predictor.detections(images)
    return {
        "numbers": np.concatenate([np.full(len(one.scores), number) for number, one in enumerate(found)]),
        "boxes": np.concatenate([one.boxes for one in found]),
        "labels": np.asarray(classes.ids)[np.concatenate([one.labels for one in found])],
        "scores": np.concatenate([one.scores for one in found]),
        "masks": np.concatenate([one.masks for one in found]),
    }


def main() -> None:
    """Write an export of each kind into the folder that the command line names."""
    for kind, encoder in NETWORKS:
        folder = Path(sys.argv[1]) / f"{kind}_{encoder}"
        folder.mkdir(parents=True)
        write(folder, kind, encoder)
        print(f"{folder}: written with torch {torch.__version__}")


if __name__ == "__main__":
    main()
