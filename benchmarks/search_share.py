"""Where the time of a search goes: proposing, measuring, training.

    OMP_NUM_THREADS=1 python -m benchmarks.search_share [--data digits] [--space convnet] [--trials 24]

Bar: the gate, that is proposing and measuring, takes at most 5% of the wall time. What a measurement costs
does not depend on the images, so the bar is one for trainings that take minutes: a row tells how long a
training would have to be, beside how long it was. About two minutes on one core.
"""

import argparse
import tempfile
from pathlib import Path

import optuna
import torch

from benchmarks.record import record
from nas import SearchConfig, search

BAR = 0.05


def main() -> None:
    """Search once and add up the times that its trials keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", default="convnet")
    parser.add_argument("--budget", default="2x:resnet20")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="search_share")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        config = SearchConfig(num_trials=given.trials, device=given.device)
        trials = search(given.space, given.data, given.budget, out=out, config=config).trials
        study = optuna.load_study(study_name="search", storage=f"sqlite:///{out / 'study.db'}")
        seconds = sum(trial.duration.total_seconds() for trial in study.trials if trial.duration)
    measuring, training = float(trials["measure_seconds"].sum()), float(trials["train_seconds"].sum())
    proposing = seconds - measuring - training
    num_trained = int((trials["train_seconds"] > 0).sum())
    row = {
        "trials": len(trials),
        "trained": num_trained,
        "proposing_and_keeping_seconds": proposing,
        "measuring_seconds": measuring,
        "training_seconds": training,
        "gate_share": 1.0 - training / seconds,
        "training_seconds_a_candidate": training / num_trained,
        "training_seconds_a_candidate_for_the_bar": (seconds - training) / num_trained * (1.0 / BAR - 1.0),
    }
    record(given.name, [row], device=given.device, seeds=[0], summary={"bar": BAR})


if __name__ == "__main__":
    main()
