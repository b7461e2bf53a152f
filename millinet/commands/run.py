"""Search, prune the winners, export and report, in one go."""

from pathlib import Path
from typing import Annotated

import typer

from millinet.cli import call
from millinet.errors import InfeasibleBudgetError
from millinet.naming import run_name
from millinet.options import Data, Device, Plugins, SearchBudget, Trials
from millinet.provenance import as_shell, command_line


def run(
    *,
    data: Data = "digits",
    latency_budget: SearchBudget = None,
    space: Annotated[str | None, typer.Option(help="A preset or a TOML file.")] = None,
    trials: Trials = 24,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no trial after so many minutes; go on with what there is.")
    ] = None,
    winners: Annotated[int, typer.Option(help="Networks to train fully, prune, certify and keep.")] = 2,
    prune_to: Annotated[
        str, typer.Option(help="Latency to prune each winner to, of its own; `none` keeps them as found.")
    ] = "0.7x",
    pareto: Annotated[bool, typer.Option("--pareto", help="Search the accuracy-latency front.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: Device = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/DATA.")] = None,
    plugin: Plugins = None,
) -> Path:
    """Take images to a searched, pruned, measured, exported and reported classifier.

    Without options: scikit-learn's digits, the device that is there, and half the latency of ResNet-20 on it.
    The same command again resumes where the last one stopped.
    """
    folder = out or Path("runs") / run_name(data, *([space] if space else []))
    try:
        call(
            "search",
            data=data,
            latency_budget=latency_budget,
            space=space,
            trials=trials,
            minutes=minutes,
            winners=winners,
            pareto=pareto,
            seed=seed,
            device=device,
            out=folder,
            plugin=plugin,
        )
        if prune_to != "none":
            call("prune", source=str(folder), latency_budget=prune_to, seed=seed, device=device)
        call("export", run=folder)
    except InfeasibleBudgetError:
        # What was measured is worth a page all the same; the program then ends with the error's own code.
        call("report", runs=[folder])
        raise
    call("report", runs=[folder])
    typer.echo(f"to resume or extend: {as_shell(command_line())}")
    return folder
