"""Load and run exports in the service's own runtime, which knows nothing of ceruleanml, and compare the answers.

    python tests/serving/run_exports.py FOLDER

FOLDER is what `write_exports.py` wrote. Ends with status 1 where boxes differ by more than 0.01 pixels or
probabilities by more than 0.001.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision  # brings the operators of a scripted Mask R-CNN

MOST_BOX_PX = 0.01
MOST_PROBABILITY = 1e-3


def unet_difference(module, tiles, expected) -> tuple[float, float]:
    """The greatest difference in probability, singly and all at once."""
    images = torch.from_numpy(tiles.astype(np.float32) / np.float32(255))
    logits = [module(images), torch.cat([module(one[None]) for one in images])]
    found = [torch.softmax(one, dim=1).numpy() for one in logits]
    return max(np.abs(one - expected["probabilities"]).max() for one in found), 0.0


def mask_rcnn_difference(module, tiles, expected) -> tuple[float, float]:
    """The greatest differences in scores and masks, and in boxes; each slick is compared with the nearest expected."""
    images = [torch.from_numpy(tile.astype(np.float32) / np.float32(255)) for tile in tiles]
    probability, box_px = 0.0, 0.0
    for number, found in enumerate(module(images)[1]):
        own = {key: expected[key][expected["numbers"] == number] for key in ("boxes", "labels", "scores", "masks")}
        if len(own["scores"]) != len(found["scores"]):
            print(f"  tile {number}: {len(found['scores'])} slicks, expected {len(own['scores'])}")
            return float("inf"), float("inf")
        left = list(range(len(own["scores"])))
        for box, label, score, mask in zip(*(found[key].numpy() for key in own), strict=True):
            apart = np.abs(own["boxes"][left] - box).max(axis=1) + 1e6 * (own["labels"][left] != label)
            nearest = left.pop(int(apart.argmin()))
            box_px = max(box_px, float(apart.min()))
            probability = max(probability, abs(float(own["scores"][nearest] - score)))
            probability = max(probability, float(np.abs(own["masks"][nearest] - mask[0]).max()))
    return probability, box_px


def main() -> int:
    """Compare every export in the folder that the command line names."""
    print(f"torch {torch.__version__}, torchvision {torchvision.__version__}")
    status = 0
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        record = json.loads((folder / "export" / "record.json").read_text())
        module = torch.jit.load(str(folder / "export" / Path(record["file_path"]).name), map_location="cpu").eval()
        expected = np.load(folder / "expected.npz")
        compare = unet_difference if record["type"] == "FASTAIUNET" else mask_rcnn_difference
        with torch.no_grad():
            probability, box_px = compare(module, expected["tiles"], expected)
        good = probability <= MOST_PROBABILITY and box_px <= MOST_BOX_PX
        status = status if good else 1
        slicks = f", {len(expected['scores'])} slicks" if "scores" in expected else ""
        verdict = "ok" if good else "DIFFERS"
        print(f"{verdict} {folder.name}{slicks}: probability within {probability:.1e}, boxes within {box_px:.1e} px")
    return status


if __name__ == "__main__":
    sys.exit(main())
