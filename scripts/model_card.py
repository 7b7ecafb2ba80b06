#!/usr/bin/env python
"""A model card in Markdown from a run folder and an evaluation of it: see docs/model_card.md."""

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.script import run
from ceruleanml.evaluation.model_card import NOT_STATED, model_card
from ceruleanml.storage import write_bytes


def main(
    model: Annotated[Path, typer.Argument(help="Run folder of ceruleanml train.")],
    evaluation: Annotated[Path, typer.Argument(help="Folder that ceruleanml evaluate wrote for it.")],
    out: Annotated[Path, typer.Option(help="The Markdown file to write.")],
    owner: Annotated[str, typer.Option(help="Who answers for the model, and how to reach them.")] = NOT_STATED,
    licence: Annotated[str, typer.Option(help="The licence of the model.")] = NOT_STATED,
    use: Annotated[str, typer.Option(help="A sentence on where, when and by whom it is to be used.")] = "",
    template: Annotated[Path | None, typer.Option(help="Your own template, with $fields.")] = None,
) -> None:
    """Write the card of a model."""
    text = model_card(model, evaluation, {"owner": owner, "licence": licence, "use": use}, template)
    write_bytes(out, text.encode())
    typer.echo(f"{out} is the card of {model}, judged by {evaluation}")


if __name__ == "__main__":
    run(main)
