"""`ceruleanml select`: scores and embeddings in, the items whose labels would teach most out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import console_progress, counted, one_line
from ceruleanml.cli.options import Quiet, Seed
from ceruleanml.errors import UsageError

if TYPE_CHECKING:
    from ceruleanml.selection.selecting import SelectReport

Scores = Annotated[
    Path | None,
    typer.Option(
        help="Scores: a folder of ceruleanml score, or any Parquet or CSV file (or folder of these), a row an item."
    ),
]
EmbeddingsFile = Annotated[
    Path | None, typer.Option(help="Embeddings: Parquet of ceruleanml embed, or a CSV as Lightly writes it.")
]
Number = Annotated[int | None, typer.Option("-n", help="How many new items to choose.")]
Share = Annotated[
    float | None,
    typer.Option(help="In place of -n: the share of all items that is to be labelled, those labelled already counted."),
]
CountPreselected = Annotated[
    bool, typer.Option("--count-preselected", help="Preselected items count towards -n, as they do towards --share.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for selection.csv, removed_samples.csv, queue.json, report.*; one there is replaced."),
]
StrategyName = Annotated[str, typer.Option("--strategy", help="How to choose; --strategies lists the ways.")]
List = Annotated[bool, typer.Option("--strategies", help="List the strategies and what they need, and stop.")]
Score = Annotated[str | None, typer.Option(help="Column of scores to rank by. Default: the strategy's own.")]
Foreground = Annotated[str, typer.Option(help="Column that says how likely an item shows what is sought.")]
IdColumn = Annotated[
    str | None,
    typer.Option("--id", help="Column of ids. Default: the first of tile_id, filenames, filename, id, image."),
]
Group = Annotated[str | None, typer.Option(help="Column of the group an item is of. Default: scene_id.")]
Preselected = Annotated[
    list[Path] | None,
    typer.Option(
        help="Labelled items: a file of ids (one a line, CSV, Parquet) or a data set folder. They are never chosen, "
        "and what is near them is less likely to be. Repeat for more."
    ),
]
Exclude = Annotated[
    list[Path] | None, typer.Option(help="Items never to choose, named as in --preselected. Repeat for more.")
]
Evaluation = Annotated[
    list[Path] | None,
    typer.Option(
        help="Frozen evaluation items, named as in --preselected; of a data set folder all tiles of its scenes are "
        "refused, with --force too. Repeat for more."
    ),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option("--threshold", help="COLUMN>=NUMBER (or <=, >, <, ==, !=) that items must pass. Repeat for more."),
]
Balance = Annotated[
    list[str] | None,
    typer.Option(
        help="CLASS=SHARE of the batch, by the columns foreground_<class>, or COLUMN:VALUE=SHARE by a column of text. "
        "Repeat for more."
    ),
]
MaxPerScene = Annotated[
    int | None,
    typer.Option(help="Items of one group at most. Default: no limit; for default twice the even share of each."),
]
OnePer = Annotated[str | None, typer.Option(help="Column of whose values only the best item each is kept.")]
SomCut = Annotated[
    float | None,
    typer.Option(help="Drop outliers: items in cells of a self-organising map at or below this percentile, 15 say."),
]
RandomShare = Annotated[float, typer.Option(help="Share of a default batch that is plain random.")]
BlindShare = Annotated[
    float, typer.Option(help="Share of the queue that is to be labelled without the model's outlines.")
]
Pool = Annotated[
    Path | None, typer.Option(help="The data set that the items are tiles of: for scenes, pictures, and a check.")
]
Model = Annotated[
    Path | None,
    typer.Option(help="The model that the scores must be of: a folder of ceruleanml train or train-ensemble."),
]
Force = Annotated[bool, typer.Option("--force", help="Take scores and embeddings of another model or pool too.")]
Round = Annotated[int, typer.Option("--round", help="Which round this is; 0: no model has learned from labels yet.")]
Rounds = Annotated[int, typer.Option(help="How many rounds there will be; chance fades towards the last.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no report.html and report.pdf.")]


def select(
    scores: Scores = None,
    embeddings: EmbeddingsFile = None,
    n: Number = None,
    share: Share = None,
    count_preselected: CountPreselected = False,
    out: Out = None,
    strategy: StrategyName = "default",
    strategies: List = False,
    score: Score = None,
    foreground: Foreground = "foreground",
    id_column: IdColumn = None,
    group: Group = None,
    preselected: Preselected = None,
    exclude: Exclude = None,
    evaluation: Evaluation = None,
    threshold: Thresholds = None,
    balance: Balance = None,
    max_per_scene: MaxPerScene = None,
    one_per: OnePer = None,
    som_cut: SomCut = None,
    random_share: RandomShare = 0.1,
    blind_share: BlindShare = 0.1,
    pool: Pool = None,
    model: Model = None,
    force: Force = False,
    round_number: Round = 1,
    rounds: Rounds = 10,
    seed: Seed = 0,
    no_report: NoReport = False,
    quiet: Quiet = False,
) -> int:
    """Choose the items whose labels would teach most.

    Works on any files of scores and embeddings; tiles need not be behind them. Each pick comes with its reason, what
    was left out with why. Files of another model than --model, or of another data set than --pool, are refused.
    """
    from ceruleanml.selection.gathering import Sources
    from ceruleanml.selection.options import SelectOptions, parse_balance
    from ceruleanml.selection.selecting import select as select_items

    if strategies:
        _print_strategies()
        return 0
    if out is None:
        raise UsageError("--out: is missing; name a folder for the selection")
    options = SelectOptions(
        strategy=strategy, n=n, share=share, count_preselected=count_preselected, score=score, foreground=foreground,
        thresholds=tuple(threshold or ()), balance=parse_balance(balance or ()), max_per_group=max_per_scene,
        best_of_group=one_per, som_percentile=som_cut, random_share=random_share, round=round_number, rounds=rounds,
        seed=seed,
    )  # fmt: skip
    sources = Sources(
        scores, embeddings, id_column, group, tuple(preselected or ()), tuple(exclude or ()), tuple(evaluation or ()),
        pool, model, force,
    )  # fmt: skip
    report = select_items(sources, options, out, blind_share, not no_report, console_progress(quiet))
    if not quiet:
        _print_report(report)
    return 0


def _print_report(report: SelectReport) -> None:
    for note in report.notes:
        typer.echo(f"note: {one_line(note)}")
    removed = ", ".join(f"{count:,} {reason}" for reason, count in report.removed.items())
    said = f"; left out: {removed}" if removed else ""
    typer.echo(f"{report.out}: {len(report.selection.picks):,} of {counted(report.items, 'item')} chosen{said}")
    if report.report is not None:
        typer.echo(str(report.report))


def _print_strategies() -> None:
    from ceruleanml.selection.strategies import STRATEGIES, needs

    for name, strategy in STRATEGIES.items():
        typer.echo(f"{name}\n    {strategy.about}\n    needs {needs(name)}")
