"""Where the time of a search goes: proposing, measuring, training.

    OMP_NUM_THREADS=1 python -m benchmarks.search_share [--data digits] [--space convnet] [--trials 24]
    OMP_NUM_THREADS=1 python -m benchmarks.search_share --data folder:cifar10 --train-images 2000 \
        --budget 0.5x:resnet20 --trials 16 --name search_share_cifar10

Bar: the gate, that is probing, proposing and measuring, takes at most 5% of the wall time. What a measurement
costs does not depend on the images, so the bar is one for trainings that take minutes: a row tells how long a
training would have to be, beside how long it was. The time is that from the images in memory to the end of
the last trial, with the measuring of the budget, which counts as probing; the training of winners would only
add to the other side. Two minutes on one core; the second form, 20.
"""

import argparse
import tempfile
from datetime import datetime
from pathlib import Path

import optuna
import torch

from benchmarks.record import record
from millinet.data import load_data
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
    parser.add_argument("--train-images", type=int, help="images of the training split; all by default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="search_share")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(given.data, seed=0)
    if given.train_images is not None:
        order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
        data = data.with_train(data.train.subset(order[: given.train_images]))
    began = datetime.now()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        config = SearchConfig(
            num_trials=given.trials, device=given.device, num_winners=1, final_recipe="quick"
        )
        trials = search(given.space, data, given.budget, out=out, config=config).trials
        study = optuna.load_study(study_name="search", storage=f"sqlite:///{out / 'study.db'}")
        ended = max(trial.datetime_complete for trial in study.trials if trial.datetime_complete)
        first = min(trial.datetime_start for trial in study.trials if trial.datetime_start)
    seconds, probing = ((until - began).total_seconds() for until in (ended, first))
    measuring, training = float(trials["measure_seconds"].sum()), float(trials["train_seconds"].sum())
    proposing = seconds - probing - measuring - training
    num_trained = int((trials["train_seconds"] > 0).sum())
    row = {
        "trials": len(trials),
        "trained": num_trained,
        "probing_seconds": probing,
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
