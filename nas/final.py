"""Finish the best candidates: train them to the full recipe, certify them, and keep what holds."""

import json
import shutil
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from optuna.trial import FixedTrial, FrozenTrial
from torch import nn

from millinet.files import write_text
from millinet.frames import HISTORY, LATENCY
from millinet.models import save_model
from millinet.runs import RunFolder, Winner
from millinet.training import FitResult, fit, recipe_of
from millinet.winners import Origin, certify_winner
from nas.candidate import build, cause_of
from nas.display import Display
from nas.problem import Problem
from nas.records import ROW
from search_spaces import Architecture

SEEDS: Final = "seeds.json"
"""File of a winner that lists the validation accuracy of each of its trainings."""
_CANDIDATES_PER_WINNER = 2
"""Candidates finished for a winner wanted, before the search settles for fewer."""


def finish_winners(
    problem: Problem, run: RunFolder, ranking: list[FrozenTrial], display: Display, *, num_finished: int
) -> list[Winner]:
    """Train, certify and keep the best candidates.

    Candidates are taken in order of their trial's accuracy until enough are certified inside the budget. What
    was finished before an interruption is kept. Ranks go by the certified verdict, then by the lowest
    validation accuracy over a finalist's seeds; the test accuracy in the certificate plays no part.

    Args:
        problem: What is searched.
        run: Where the winners go.
        ranking: Trials that met the budget, best first.
        display: What is told.
        num_finished: Finished trials; with no more than the winners were chosen from, they stand.
    """
    wanted = problem.config.num_winners
    if run.winners() and run.record.winners_from == num_finished:
        return run.winners()
    finals = run.path / "finals"
    met = 0
    for trial in ranking[: wanted * _CANDIDATES_PER_WINNER]:
        folder = finals / str(trial.number)
        if not (folder / "certificate.json").exists() and not _finish(problem, run, trial, folder, display):
            continue
        certificate = Winner(folder).certificate
        met += certificate is not None and certificate.verdict == "meets"
        if met >= wanted:
            break
    winners = _rank(run, finals, wanted)
    run.save(winners_from=num_finished)
    return winners


def _finish(problem: Problem, run: RunFolder, trial: FrozenTrial, folder: Path, display: Display) -> bool:
    started = perf_counter()
    row: dict[str, Any] = trial.user_attrs[ROW]
    architecture = problem.space.suggest(FixedTrial(trial.params))
    name = f"final:{trial.number}"
    display.phase(f"training trial {trial.number} to the {problem.config.final_recipe} recipe")
    try:
        model, fitted = _train(problem, architecture, folder)
        save_model(folder, model, source=architecture_spec(architecture))
        display.phase(f"certifying trial {trial.number} in fresh processes")
        certificate, measured = certify_winner(
            folder,
            data=problem.data,
            budget=problem.budget,
            settings=problem.meter.settings,
            device=problem.device,
            origin=Origin(
                validation_accuracy=fitted.best_accuracy,
                architecture=str(architecture),
                fingerprint=architecture.fingerprint,
                trial=trial.number,
            ),
        )
    except Exception as error:  # noqa: BLE001 -- one network that cannot be finished leaves the others
        run.note(f"trial {trial.number} could not be finished: {cause_of(error)}")
        shutil.rmtree(folder, ignore_errors=True)
        return False
    run.append(HISTORY, [record._asdict() | {"model": name, "phase": "final"} for record in fitted.history])
    latency = measured.row(model=name, fingerprint=architecture.fingerprint)
    run.append(LATENCY, [latency | {"parameters": row["parameters"], "macs": row["macs"]}])
    run.add_seconds("finishing", perf_counter() - started)
    display.finished(certificate)
    return True


def _train(problem: Problem, architecture: Architecture, folder: Path) -> tuple[nn.Module, FitResult]:
    """Train a finalist from each seed; return the most accurate, and write down what all of them reached.

    A training that is done is not repeated after an interruption: its checkpoint holds the result.
    """
    recipe = recipe_of(problem.config.final_recipe)
    trained: list[tuple[nn.Module, FitResult]] = []
    for number in range(problem.config.num_final_seeds):
        seed = problem.config.seed + number
        model = build(architecture, seed=seed)
        fitted = fit(
            model,
            problem.data,
            recipe,
            device=problem.device,
            seed=seed,
            checkpoint=folder / f"checkpoint-{number}.pt",
        )
        trained.append((model, fitted))
    reached = [fitted.best_accuracy for _, fitted in trained]
    write_text(folder / SEEDS, json.dumps({"validation_accuracies": reached}) + "\n")
    return max(trained, key=lambda pair: pair[1].best_accuracy)


def architecture_spec(architecture: Architecture) -> dict[str, Any]:
    """Return the architecture as the object its JSON holds."""
    return json.loads(architecture.to_json())


def _rank(run: RunFolder, finals: Path, wanted: int) -> list[Winner]:
    certified = [Winner(path) for path in finals.glob("*") if (path / "certificate.json").exists()]
    certified.sort(key=_merit, reverse=True)
    shutil.rmtree(run.path / "winners", ignore_errors=True)
    for rank, winner in enumerate(certified[:wanted], start=1):
        shutil.copytree(winner.path, run.winner_path(rank), ignore=shutil.ignore_patterns("checkpoint*"))
    shutil.rmtree(finals, ignore_errors=True)
    return run.winners()


def _merit(winner: Winner) -> tuple[bool, float, float]:
    certificate = winner.certificate
    if certificate is None:
        return (False, 0.0, 0.0)
    return (certificate.verdict == "meets", _lower_bound(winner.path), -certificate.median_ms)


def _lower_bound(folder: Path) -> float:
    """Return the lowest validation accuracy over the seeds.

    The median training is better than the worst of n with probability 1 - 2**-n: one lucky seed wins nothing.
    """
    found: dict[str, list[float]] = json.loads((folder / SEEDS).read_text(encoding="utf-8"))
    return min(found["validation_accuracies"])
