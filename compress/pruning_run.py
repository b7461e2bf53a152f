"""Prune the winners of a run folder, or make a run folder of one pruned model."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from compress.admission import admit
from compress.config import TARGETS
from compress.progress import fingerprint_of
from compress.winner import (
    Job,
    Outcome,
    Placed,
    place,
    progress_of,
    read_story,
    repair,
    restore,
    shrink_to_first,
    unpruned,
    write_story,
)
from millinet.device import describe
from millinet.errors import InfeasibleBudgetError, MillinetError, RunFolderError
from millinet.frames import HISTORY, LATENCY
from millinet.latency import Budget
from millinet.models import LoadedModel, load_model, save_model
from millinet.provenance import command_line, commit, utc_now, versions
from millinet.runs import RunFolder, RunRecord, Winner
from millinet.winners import Origin, certify_winner

NUM_RATIOS = 3
"""Ratios tried for a winner of a search before it is kept unpruned."""


def prune_run(run: RunFolder, job: Job, budget: Budget) -> list[str]:
    """Prune every winner of a run in place; one that was pruned already starts again from its unpruned form.

    A ratio refers to the winner's own latency and is the first of a ladder: where a recovered network loses
    more accuracy than is tolerated, milder ratios follow, and the last resort is the network as it was. Which
    it came to is noted in run.json.

    Args:
        run: A finished search.
        job: What all prunings share.
        budget: What to prune to.

    Returns:
        A line a winner.

    Raises:
        RunFolderError: If the run has no winner.
    """
    repair(run.path / "winners")
    if not run.winners():
        raise RunFolderError(f"{run.path} has no winner to prune; let the search find one first")
    lines = []
    for winner in run.winners():
        asked = _asked(job, str(budget))
        known = read_story(winner.path)
        if known.get("asked") == asked:
            lines.append(known["told"])
            continue
        started = perf_counter()
        job.tell(f"winner {winner.rank}: pruning")
        lines.append(_prune_winner(run, winner, job, budget, asked))
        run.note(lines[-1])
        run.add_seconds("pruning", perf_counter() - started)
    run.save(recipes=run.record.recipes | {"recovery": job.recipe.as_dict()})
    run.seal()
    return lines


def prune_model(out: Path, loaded: LoadedModel, job: Job, budget: Budget) -> RunFolder:
    """Prune one model into a run folder of its own: `winners/1`, with the model as it came in `before`.

    Raises:
        ModelError: If the model cannot be pruned, or does not take the images; nothing is written.
        InfeasibleBudgetError: If pruning cannot reach the budget; the folder says so, and makes way for
            another attempt.
    """
    admit(loaded.model, torch.zeros(1, *job.data.input_shape))
    run = RunFolder.resume_or_create(out, _record(out, loaded, job, budget), after=("infeasible", "failed"))
    folder = run.winner_path(1)
    repair(folder.parent)
    asked = _asked(replace(job, tolerance=1.0), str(budget))
    if read_story(folder).get("asked") == asked:
        return run
    started = perf_counter()
    with _ending(run, folder):
        # Whoever names a model and a budget gets that budget, whatever the accuracy.
        outcome, told = shrink_to_first(
            loaded.model,
            replace(job, tolerance=1.0),
            [_absolute(budget, job)],
            progress=progress_of(folder),
        )
    if outcome is None:
        raise AssertionError("with any loss tolerated the first pruning is kept")
    resolved = _resolved(outcome)
    if not (unpruned(folder) / "certificate.json").exists():
        save_model(folder, loaded.model, source=loaded.source)
        certify_winner(
            folder,
            data=job.data,
            budget=resolved,
            settings=job.meter.settings,
            device=job.device,
            origin=Origin(architecture=loaded.name),
            base=folder,
        )
    line = f"{loaded.name} is pruned ({told})"
    placed = place(folder, loaded, outcome, job, resolved, {"asked": asked, "told": line})
    job.tell(f"certified: {placed.certificate.sentence()}")
    _append(run, placed, 1)
    run.note(line)
    run.add_seconds("pruning", perf_counter() - started)
    run.save(
        status="complete",
        budget={"text": str(resolved), "limit_ms": resolved.limit_ms, "batch": resolved.batch or 1},
    )
    run.seal()
    return run


@contextmanager
def _ending(run: RunFolder, folder: Path) -> Iterator[None]:
    """Record how the pruning inside the block ends, where it does not end well."""
    try:
        yield
    except KeyboardInterrupt:
        run.save(status="interrupted")
        raise
    except InfeasibleBudgetError as error:
        shutil.rmtree(progress_of(folder), ignore_errors=True)
        run.note(str(error))
        run.save(status="infeasible")
        raise
    except MillinetError as error:
        run.note(str(error))
        run.save(status="failed")
        raise


def ladder(budget: Budget) -> list[Budget]:
    """Return the budgets to try: a ratio is followed by milder ones, equally spaced up to no pruning."""
    if budget.ratio is None or budget.reference is not None or budget.limit_ms is not None:
        return [budget]
    gap = (1.0 - budget.ratio) / NUM_RATIOS
    return [replace(budget, ratio=round(budget.ratio + step * gap, 4)) for step in range(NUM_RATIOS)]


def _prune_winner(run: RunFolder, winner: Winner, job: Job, budget: Budget, asked: dict[str, Any]) -> str:
    loaded = load_model(unpruned(winner.path))
    progress = progress_of(winner.path)
    outcome, told = shrink_to_first(loaded.model, job, ladder(budget), progress=progress)
    if outcome is None:
        line = f"winner {winner.rank} is kept unpruned ({told})"
        restore(winner.path)
        write_story(winner.path, {"asked": asked, "told": line})
        shutil.rmtree(progress, ignore_errors=True)
        return line
    line = f"winner {winner.rank} is pruned ({told})"
    promise = _promise(run, budget, outcome)
    placed = place(winner.path, loaded, outcome, job, promise, {"asked": asked, "told": line})
    job.tell(f"certified winner {winner.rank}: {placed.certificate.sentence()}")
    _append(run, placed, winner.rank)
    return line


def _asked(job: Job, budget: str) -> dict[str, Any]:
    """Return every setting that decides a pruning, as JSON types."""
    config = {key: value for key, value in asdict(job.config).items() if key not in (*TARGETS, "latency")}
    return {
        "budget": budget,
        "tolerance": job.tolerance,
        "sparsity": job.sparsity,
        "seed": job.seed,
        "recipe": job.recipe.as_dict(),
        "latency": job.meter.settings.as_dict(),
        **(config | {"protect": list(config["protect"])}),
    }


def _promise(run: RunFolder, budget: Budget, outcome: Outcome) -> Budget:
    """Return what the certificate judges by: the budget of the search, or an absolute one asked for now."""
    known = run.record.budget
    if len(ladder(budget)) == 1 or not known.get("text") or not known.get("limit_ms"):
        return _resolved(outcome)
    return replace(Budget.parse(known["text"]), limit_ms=known["limit_ms"])


def _resolved(outcome: Outcome) -> Budget:
    if outcome.pruned.budget is None:
        raise AssertionError("a pruning to a latency budget resolves it")
    return outcome.pruned.budget


def _absolute(budget: Budget, job: Job) -> Budget:
    """Resolve a budget that refers to another network; a ratio of the model itself is left to the pruning."""
    if budget.reference is None:
        return budget
    return budget.resolve(torch.zeros(1, *job.data.input_shape), meter=job.meter)


def _append(run: RunFolder, placed: Placed, rank: int) -> None:
    """Add the recovery and the certified latency of a pruned winner to the run's frames."""
    name = f"recovery:{rank}"
    run.append(
        HISTORY,
        [
            record._asdict() | {"model": name, "phase": "recovery"}
            for fitted in placed.outcome.history
            for record in fitted.history
        ],
    )
    certificate = placed.certificate
    row = placed.measured.row(model=f"pruned:{rank}", fingerprint=certificate.fingerprint)
    run.append(LATENCY, [row | {"parameters": certificate.parameters, "macs": certificate.macs}])


def _record(out: Path, loaded: LoadedModel, job: Job, budget: Budget) -> RunRecord:
    data = job.data
    return RunRecord(
        name=out.name,
        created=utc_now(),
        command=command_line(),
        config={
            "data": data.spec,
            "data_fingerprint": data.fingerprint,
            "model": json.loads(json.dumps(loaded.source)),
            "weights": fingerprint_of(loaded.model)[:16],
            "device": job.device,
            **_asked(replace(job, tolerance=1.0), str(budget)),
        },
        seed=job.seed,
        recipes={"recovery": job.recipe.as_dict()},
        versions=versions(),
        commit=commit(),
        device=describe(job.device).as_dict(),
        data=data.as_dict(),
    )
