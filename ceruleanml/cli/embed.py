"""`ceruleanml embed`: a pool in, what each tile looks like to an encoder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import console_progress, counted
from ceruleanml.cli.options import Quiet, Seed
from ceruleanml.errors import UsageError

if TYPE_CHECKING:
    from ceruleanml.selection.embedding import EmbedReport
    from ceruleanml.selection.embedding_encoder import EncoderSource

Pool = Annotated[Path, typer.Argument(help="Data set folder whose tiles are embedded, labelled or not.")]
Out = Annotated[
    Path, typer.Option(help="Parquet file to write: tile_id, embedding (float32, unit length), scene_id; sorted.")
]
Model = Annotated[
    Path | None, typer.Option(help="A run folder of ceruleanml train: its encoder. Of an ensemble the first member's.")
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="A file of weights: torchvision's state dict of ImageNet for --encoder, or weights.pt of --train-ssl. "
        "With --train-ssl: the first weights."
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="The network of --weights or --train-ssl: mobilenet_v2, resnet18, resnet34 or resnet50. Default: "
        "mobilenet_v2, and for --train-ssl from scratch resnet18, which learns much faster."
    ),
]
TrainSsl = Annotated[
    bool, typer.Option("--train-ssl", help="Let an encoder teach itself on the pool first, without labels (SimCLR).")
]
Epochs = Annotated[int, typer.Option(help="Passes over the pool with --train-ssl.")]
Side = Annotated[int, typer.Option(help="Side in pixels to which --train-ssl resizes tiles, a multiple of 32.")]
SslOut = Annotated[
    Path | None,
    typer.Option(help="Folder for weights.pt and ssl.json of --train-ssl. Default: <out>_ssl beside --out."),
]
Lightly = Annotated[Path | None, typer.Option(help="Also write the embeddings as Lightly's CSV.")]
Map = Annotated[Path | None, typer.Option("--map", help="Also draw the pool in two dimensions, as PNG.")]
Colour = Annotated[
    str | None,
    typer.Option(
        help="What colours the map: class (what is labelled; the default where anything is), or a column of --scores, "
        "such as entropy_window or round."
    ),
]
Scores = Annotated[Path | None, typer.Option(help="Scores folder, Parquet or CSV that has the column of --colour.")]
KeepDuplicates = Annotated[
    bool, typer.Option("--keep-duplicates", help="Embed tiles that are, or look like, an earlier one too.")
]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
BatchSize = Annotated[int, typer.Option(help="Tiles a step of --train-ssl, and tiles embedded at once on a GPU.")]
Workers = Annotated[int, typer.Option(help="Scenes embedded side by side on the CPU, in a local Dask cluster above 1.")]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]


def embed(
    pool: Pool,
    out: Out,
    model: Model = None,
    weights: Weights = None,
    encoder: Encoder = None,
    train_ssl: TrainSsl = False,
    epochs: Epochs = 20,
    side: Side = 96,
    ssl_out: SslOut = None,
    lightly: Lightly = None,
    map_path: Map = None,
    colour: Colour = None,
    scores: Scores = None,
    keep_duplicates: KeepDuplicates = False,
    device: Device = "auto",
    batch_size: BatchSize = 32,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Say what each tile of a pool looks like, as a vector of unit length, so that tiles can be told apart and spread.

    The encoder is a trained model's (--model), ImageNet's (--weights), or teaches itself on the pool (--train-ssl).
    Tiles that cannot be read, hold nothing or stand twice are left out and listed in <out>_removed_samples.csv. A
    killed run goes on where it stopped. Memory: 1 GB beside the network for a million vectors of 64 numbers;
    --train-ssl takes 1.6 GB at 32 tiles a step.
    """
    from ceruleanml.selection.embedding import EmbedOptions, embed_pool
    from ceruleanml.selection.pool_map import check_colour, write_further

    check_colour(map_path, colour, scores)
    progress = console_progress(quiet)
    if (model is not None) + (weights is not None or train_ssl) != 1:
        raise UsageError("the encoder: give one of --model RUN, --weights FILE and --train-ssl")
    if train_ssl:
        from ceruleanml.selection.simclr import SslOptions, train_simclr

        learning = SslOptions(
            encoder or ("resnet18" if weights is None else "mobilenet_v2"),
            weights,
            epochs,
            batch_size,
            side,
            seed=seed,
            device=device,
        )
        weights = train_simclr(pool, ssl_out or out.with_name(f"{out.stem}_ssl"), learning, progress).weights
    options = EmbedOptions(keep_duplicates, batch_size, device, seed)
    report = embed_pool(_source(model, weights, encoder), pool, out, options, workers, scheduler, progress)
    if lightly is not None or map_path is not None:
        write_further(pool, out, lightly, map_path, colour, scores, seed)
    if not quiet:
        _print_report(report)
    return 0


def _source(model: Path | None, weights: Path | None, encoder: str | None) -> EncoderSource:
    from ceruleanml.selection.embedding_encoder import EncoderSource

    path = model or weights
    if path is None or path.is_dir() != (path == model):
        raise UsageError(f"{path}: --model takes a run folder of ceruleanml train, --weights a file of weights")
    return EncoderSource(path, encoder)


def _print_report(report: EmbedReport) -> None:
    verb = "made" if report.made_now else "is there already:"
    typer.echo(f"{report.out} {verb} {counted(report.tiles, 'tile')} as vectors of {report.dimensions}")
    if report.removed:
        reasons = ", ".join(f"{number:,} {reason.replace('_', ' ')}" for reason, number in report.removed.items())
        typer.echo(f"left out: {reasons}; see {report.removed_path}")
