"""Lists of the Deep-SAR Oil Spill pairs: training and held out, by blocks of consecutive ids.

Usage: sos_lists.py SOS_FOLDER OUT_FOLDER [SEED]

Neighbours in id are often cut from one scene, so single ids held out would be judged by their neighbours.
"""

import sys
from pathlib import Path

from ceruleanml.seeds import generator
from ceruleanml.storage import make_folder, write_bytes

BLOCKS, HELD_OUT = 20, 4


def main(folder: str, out: str, seed: str = "0") -> None:
    """Write train.txt and held_out.txt, one image a line."""
    images = sorted(Path(folder, "images").glob("*.jpg"), key=lambda path: int(path.stem))
    if not images:
        sys.exit(f"{folder}: holds no images/*.jpg; name the folder of the data set")
    held_out = set(generator(int(seed), "held out").permutation(BLOCKS)[:HELD_OUT])
    lists: dict[str, list[str]] = {"train": [], "held_out": []}
    for number, path in enumerate(images):
        lists["held_out" if number * BLOCKS // len(images) in held_out else "train"].append(str(path))
    for name, lines in lists.items():
        write_bytes(make_folder(Path(out)) / f"{name}.txt", "".join(f"{line}\n" for line in lines).encode())


if __name__ == "__main__":
    main(*sys.argv[1:4])
