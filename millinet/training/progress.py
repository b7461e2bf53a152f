"""What the world is told after each epoch: a line for people, JSON for programs, or TensorBoard.

Each is a callable for `fit(on_epoch=...)`; `together` joins several.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

from millinet.errors import ConfigError
from millinet.files import write_text
from millinet.training.history import EpochRecord, OnEpoch


class EpochLines:
    """Says how far training has come and how long it will still take."""

    def __init__(self, epochs: int, say: Callable[[str], object]) -> None:
        self._epochs = epochs
        self._say = say
        self._seconds: list[float] = []

    def __call__(self, record: EpochRecord) -> None:
        """Say one line."""
        self._seconds.append(record.seconds)
        # The first epoch pays for warming up, so the latest few tell better what is to come.
        recent = self._seconds[-5:]
        left = (self._epochs - record.epoch) * sum(recent) / len(recent)
        self._say(
            f"epoch {record.epoch}/{self._epochs}  loss {record.train_loss:.4f}  "
            f"accuracy {record.accuracy:.4f}  "
            f"{record.images_per_second:,.0f} images/s  {clock(left)} left"
        )


class JsonLines:
    """Keeps one line of JSON for each epoch in a file.

    An epoch that is trained again, after a kill before its checkpoint or at a gentler rate, takes the place
    of its line and of all later ones.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, record: EpochRecord) -> None:
        """Add the record."""
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        if len(lines) >= record.epoch:
            write_text(self._path, "".join(f"{line}\n" for line in lines[: record.epoch - 1]))
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(record._asdict()) + "\n")


class TensorBoard:
    """Writes scalars for TensorBoard.

    Raises:
        ConfigError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                f"TensorBoard is not installed, {folder} cannot be written; "
                f"pip install 'millinet[tensorboard]'"
            ) from error
        # Made with the first epoch: the folder of a run must be empty when the run begins.
        self._writer = cache(partial(SummaryWriter, str(folder)))

    def __call__(self, record: EpochRecord) -> None:
        """Write the record's numbers at its epoch."""
        writer = self._writer()
        for name, value in record._asdict().items():
            if name != "epoch":
                writer.add_scalar(name, value, record.epoch)
        writer.flush()


def together(listeners: Sequence[OnEpoch]) -> OnEpoch:
    """Call all listeners; training ends if any asks for it."""

    def tell(record: EpochRecord) -> bool:
        answers = [listener(record) for listener in listeners]
        return any(answers)

    return tell


def clock(seconds: float) -> str:
    """Write a duration as m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
