"""The verb embed: which encoder it takes, what it says, and the files that it makes beside the embeddings."""

import numpy as np
import pytest
from datasets_made import box_mask, make_dataset_folder, speckle
from models_made import card_of, run_of
from narrow import DEEPEST

from ceruleanml.cli.embed import embed
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.embedding_files import read_embeddings, read_lightly

pytestmark = pytest.mark.usefixtures("narrow_networks")
SIDE = 48
SLICK = [(1, "a", box_mask(slice(2, 6), slice(4, 20), (SIDE, SIDE)))]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A pool of four tiles, one with a slick and one that stands twice, and a model."""
    root = tmp_path_factory.mktemp("embed")
    tiles = [((0, SIDE * n), speckle(n % 3, (SIDE, SIDE)), SLICK if n == 1 else []) for n in range(4)]
    make_dataset_folder(root / "pool", {"one": tiles})
    run_of(root / "run", card_of())
    return root


def colours_of(path):
    from PIL import Image

    with Image.open(path) as picture:
        return {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}


def test_embeddings_come_with_lightlys_file_and_a_map(made, tmp_path, capsys):
    out, lightly, picture = (tmp_path / name for name in ("e.parquet", "e.csv", "e.png"))
    arguments = {"model": made / "run", "device": "cpu", "lightly": lightly, "map_path": picture}
    assert embed(made / "pool", out, **arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{out} made 3 tiles as vectors of {DEEPEST['mobilenet_v2']}\nleft out: 1 exact duplicate;")
    found, csv = read_embeddings(out), read_lightly(lightly)
    assert csv.ids == found.ids and np.array_equal(csv.vectors, found.vectors)
    assert csv.columns["labels"] == ("0", "1", "0")
    before = {path: path.read_bytes() for path in (out, lightly, picture)}
    assert embed(made / "pool", out, **arguments) == 0
    assert f"{out} is there already: 3 tiles" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before


def test_the_map_is_coloured_by_a_column_of_scores(made, tmp_path):
    out, scores = tmp_path / "e.parquet", tmp_path / "scores.csv"
    embed(made / "pool", out, model=made / "run", device="cpu", quiet=True)
    ids = read_embeddings(out).ids
    scores.write_text("id,entropy,round\n" + "".join(f"{one},{n / 2},{n}\n" for n, one in enumerate(ids)))
    kept = {"model": made / "run", "device": "cpu", "quiet": True, "map_path": tmp_path / "map.png"}
    pictures = {}
    for colour in ("entropy", "round", "class"):
        embed(made / "pool", out, colour=colour, scores=None if colour == "class" else scores, **kept)
        pictures[colour] = colours_of(tmp_path / "map.png")
    assert len(pictures["entropy"]) > 20 and len({frozenset(one) for one in pictures.values()}) == 3
    with pytest.raises(SelectionError, match="has no column age to colour by; it has entropy, round"):
        embed(made / "pool", out, colour="age", scores=scores, **kept)


def test_an_encoder_teaches_itself_and_is_kept(made, tmp_path, capsys):
    arguments = {"train_ssl": True, "epochs": 1, "side": 32, "batch_size": 2, "device": "cpu"}
    assert embed(made / "pool", tmp_path / "e.parquet", **arguments) == 0
    assert f"made 3 tiles as vectors of {DEEPEST['resnet18']}" in capsys.readouterr().out
    kept = tmp_path / "e_ssl" / "weights.pt"
    embed(made / "pool", tmp_path / "again.parquet", weights=kept, device="cpu", quiet=True)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "e.parquet").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the encoder: give one of --model RUN, --weights FILE and --train-ssl"),
        ({"model": "run", "train_ssl": True}, "the encoder: give one of"),
        ({"weights": "run"}, "--model takes a run folder of ceruleanml train, --weights a file"),
        ({"model": "run", "seed": -1}, "seed -1 cannot be; give 0 or more"),
        ({"model": "run", "workers": 0}, "workers 0 and batch size 32: give 1 or more"),
        ({"model": "run", "colour": "entropy"}, "--colour and --scores colour the map"),
    ],
)
def test_options_that_cannot_be(made, tmp_path, options, message):
    named = {name: made / "run" if value == "run" else value for name, value in options.items()}
    with pytest.raises(UsageError, match=message):
        embed(made / "pool", tmp_path / "e.parquet", **named)
    assert list(tmp_path.iterdir()) == []
