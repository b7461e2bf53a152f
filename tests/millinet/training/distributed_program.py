"""What each process of the torchrun test runs: train the same network, write what came of it."""

import json
import sys
from pathlib import Path

import torch
from torch import nn

from millinet.data import load_data
from millinet.training import EpochRecord, Recipe, fit
from millinet.training.parallel import ranks, torchrun_group


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    digits = load_data("digits")
    data = digits.with_train(digits.train.subset(range(201)))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    recipe = Recipe(epochs=3, batch_size=64, learning_rate=0.05, augmentation=0.0, ema_decay=0.9)
    seen: list[EpochRecord] = []
    with torchrun_group("cpu") as device:
        place = ranks()
        result = fit(
            model, data, recipe, device=device, on_epoch=seen.append, checkpoint=folder / "checkpoint.pt"
        )
    content = {
        "size": place.size,
        "losses": [record.train_loss for record in result.history],
        "accuracies": [record.accuracy for record in result.history],
        "weights": [value.tolist() for value in model.state_dict().values()],
        "num_seen": len(seen),
    }
    (folder / f"rank{place.rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
