"""What a pruning has reached, in a folder, so that one that was killed goes on instead of starting anew.

Choosing widths rests on measurements and comes out otherwise the next time, so each step's cut is kept before
its recovery begins. The recovery keeps a checkpoint of its own and finds, in a model cut the same way, where
it was.
"""

import copy
import hashlib
import json
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import torch
from torch import nn

from millinet.errors import RunFolderError
from millinet.files import write_text
from millinet.weights import load_weights, save_weights
from millinet.widths import apply_widths, read_widths

KEY: Final = "asked.txt"
LIMIT: Final = "limit.json"


class Cut(NamedTuple):
    """A step's model as it was before its recovery."""

    model: nn.Module
    kept: dict[int, int]
    """Channels each prunable group kept, by its index."""
    error: float
    """Difference found by the exactness check, relative to the output."""


class Progress:
    """Keeps and finds again the steps of one pruning."""

    def __init__(self, folder: Path, unpruned: nn.Module) -> None:
        self.folder = folder
        self._unpruned = unpruned

    @classmethod
    def open(cls, folder: Path, unpruned: nn.Module, *, asked: str) -> Self:
        """Open the folder of a pruning; what another pruning left there is deleted.

        Args:
            folder: Made where it is missing.
            unpruned: The model that is pruned, left as it is.
            asked: Everything else that decides the pruning.

        Raises:
            RunFolderError: If the folder holds something else.
        """
        key = fingerprint_of(unpruned, asked)
        path = folder / KEY
        if folder.exists() and not path.exists() and any(folder.iterdir()):
            raise RunFolderError(f"{folder} holds something else than a pruning; name another folder")
        if path.exists() and path.read_text(encoding="utf-8") != key:
            for old in (*folder.glob("step-*"), *folder.glob("recovery-*"), folder / LIMIT):
                old.unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(path, key)
        return cls(folder, unpruned)

    @property
    def limit_ms(self) -> float | None:
        """The latency that a relative budget came to when the pruning began; None before that."""
        path = self.folder / LIMIT
        return float(_read(path)["limit_ms"]) if path.exists() else None

    def keep_limit(self, limit_ms: float | None) -> None:
        """Remember what the budget came to."""
        write_text(self.folder / LIMIT, json.dumps({"limit_ms": limit_ms}))

    def keep(self, number: int, cut: Cut) -> None:
        """Remember the cut of a step, numbered from 1."""
        save_weights(cut.model, self._path(number).with_suffix(".safetensors"))
        found = {
            "widths": read_widths(self._unpruned, cut.model),
            "kept": list(cut.kept.items()),
            "error": cut.error,
        }
        # Last, for its presence says that the step is whole.
        write_text(self._path(number), json.dumps(found))

    def find(self, number: int) -> Cut | None:
        """Rebuild the cut of a step, or return None where it was not reached.

        Raises:
            RunFolderError: If the files are damaged.
        """
        path = self._path(number)
        if not path.exists():
            return None
        found = _read(path)
        model = copy.deepcopy(self._unpruned).eval()
        apply_widths(model, found["widths"])
        load_weights(model, path.with_suffix(".safetensors"))
        return Cut(model, dict(found["kept"]), found["error"])

    def _path(self, number: int) -> Path:
        return self.folder / f"step-{number}.json"


def fingerprint_of(model: nn.Module, asked: str = "") -> str:
    """Hash the weights of a model, and what is asked of it."""
    key = hashlib.sha256(asked.encode())
    for name, tensor in model.state_dict().items():
        key.update(name.encode())
        key.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return key.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}; delete its folder to prune from the start"
        raise RunFolderError(message) from error
    return found
