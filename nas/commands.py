"""Search for a network inside a latency budget."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from millinet.console import Console
from millinet.data import load_data
from millinet.naming import run_name
from millinet.options import Data, Device, Plugins, SearchBudget, Trials
from millinet.provenance import as_shell, command_line
from millinet.tables import load_plugin
from millinet.training import RECIPES
from nas.address import VARIABLE, keep_to_itself
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.defaults import default_budget, default_recipes, default_space, is_few
from nas.display import ConsoleDisplay
from nas.options import TRIAL_TIMEOUT, Isolate, Minutes, TrialTimeout
from nas.proxies import PROXIES
from nas.samplers import SAMPLERS
from nas.search import search as run_search


def search(
    *,
    data: Data = "digits",
    latency_budget: SearchBudget = None,
    space: Annotated[
        str | None, typer.Option(help="A preset (tiny, small, resnet, mobile, convnet) or a TOML file.")
    ] = None,
    trials: Trials = 24,
    winners: Annotated[int, typer.Option(help="Networks to train fully, certify and keep.")] = 2,
    sampler: Annotated[
        str,
        typer.Option(help=f"{', '.join(SAMPLERS)}, or a dotted name such as optuna.samplers.CmaEsSampler."),
    ] = SearchConfig().sampler,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Search the accuracy-latency front inside the budget.")
    ] = False,
    objectives: Annotated[
        str | None,
        typer.Option(
            help="The front of more: accuracy, then latency, parameters, macs, memory, energy (of a GPU)."
        ),
    ] = None,
    proxies: Annotated[
        str | None,
        typer.Option(help=f"What untrained networks say of themselves, as evidence: {', '.join(PROXIES)}."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"Training of a trial: {', '.join(RECIPES)}; quick,epochs=5,... changes one. By default "
            "quick, or small where the images are few."
        ),
    ] = None,
    final_recipe: Annotated[
        str | None, typer.Option(help="Training of a winner, likewise; full, or small where images are few.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split, the sampler and the training.")] = 0,
    device: Device = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/DATA-SPACE.")] = None,
    workers: Annotated[int, typer.Option(help="Processes of this machine that work on trials.")] = 1,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar=VARIABLE,
            show_envvar=False,
            help=f"postgresql+psycopg://USER@HOST/DATABASE for many machines; else from ${VARIABLE}.",
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Name of the study there; by default the run folder's.")
    ] = None,
    minutes: Minutes = None,
    isolate: Isolate = True,
    trial_timeout: TrialTimeout = TRIAL_TIMEOUT,
    plugin: Plugins = None,
) -> Path:
    """Search for the most accurate network inside a latency budget, and certify the winners.

    Every candidate is measured on the device before any training; one over the budget is recorded and not
    trained. The same command again resumes the search up to the total of trials, or for as many minutes more.
    """
    keep_to_itself(storage or "")
    for file in plugin or []:
        load_plugin(file)
    loaded = load_data(data, seed=seed)
    usual = default_recipes(loaded)
    config = SearchConfig(
        num_trials=trials,
        sampler=sampler,
        proxies=_listed(proxies),
        objectives=_objectives(objectives, is_pareto=pareto),
        seed=seed,
        recipe=recipe or usual.trial,
        final_recipe=final_recipe or usual.winner,
        num_winners=winners,
        device=device,
    )
    chosen = space or default_space(loaded)
    folder = out or Path("runs") / run_name(data, chosen)
    # The stream is fixed now: while a network is timed, what it prints is collected in place of sys.stdout.
    console = Console(sys.stdout)
    if is_few(loaded):
        console.print(
            f"{len(loaded.train)} training images are few: space {chosen}, recipe {config.recipe}; see "
            f"docs/small-data.md"
        )
    display = ConsoleDisplay(console)
    try:
        run_search(
            chosen,
            loaded,
            latency_budget or default_budget(loaded),
            out=folder,
            config=config,
            display=display,
            conditions=Conditions(
                storage=storage,
                study=study,
                num_workers=workers,
                is_isolated=isolate,
                silence_seconds=trial_timeout,
                max_seconds=None if minutes is None else 60.0 * minutes,
            ),
        )
    except KeyboardInterrupt:
        display.stop()
        display.phase(f"interrupted; nothing finished is lost. Resume: {as_shell(command_line())}")
        raise
    finally:
        display.stop()
    return folder


def _objectives(text: str | None, *, is_pareto: bool) -> tuple[str, ...]:
    if text is None:
        return ("accuracy", "latency") if is_pareto else ("accuracy",)
    return _listed(text)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text else ()
