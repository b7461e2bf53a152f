"""The sparse-coded head: classify by which atoms of a learnt dictionary explain the features.

Sparse-representation classification (Wright et al., 2009) with a dictionary learnt end to end, its codes
found by a few unrolled steps of iterative shrinkage (Gregor and LeCun, 2010). What it promises is robustness
to noise at the size of a linear head, not clean accuracy.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.heads.dictionary import Dictionary
from search_spaces.heads.folded_dictionary import FoldedDictionary
from search_spaces.heads.health import code_health
from search_spaces.heads.readouts import LinearReadout, Readout, ResidualReadout
from search_spaces.heads.start import Start, start_dictionary
from search_spaces.options import complete
from search_spaces.part import Part, Place
from search_spaces.tally import Tally, linear_tally

Reading = Literal["residual", "linear"]


class SparseCoded(Part):
    """Pool, code the features over a dictionary, and read the classes off the code.

    With the read-out `residual` (the default) every class owns `atoms` atoms, and its logit is minus the
    error of reconstructing the features from them, up to a constant. With `linear` there are `atoms` atoms in
    all and a linear layer on the code; for many classes that is smaller than a dense head.

    `steps` is the number of shrinkage steps; `penalty` times 1 / sqrt(features) is the sparsity penalty that
    each atom starts from. `start` says what the atoms begin as when training does, and `nuisance` how many
    directions are projected out of class means (`heads/start.py`).
    """

    def __init__(  # noqa: PLR0913 - an option is a parameter
        self,
        place: Place,
        *,
        readout: Reading = "residual",
        atoms: int = 1,
        steps: int = 3,
        penalty: float = 0.8,
        start: Start = "random",
        nuisance: int = 0,
    ) -> None:
        super().__init__()
        num_classes = place.out_channels
        num_atoms = atoms * num_classes if readout == "residual" else atoms
        first_penalty = penalty / math.sqrt(place.in_channels)
        self.start = start
        self.nuisance = nuisance
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.coder = Dictionary(place.in_channels, num_atoms, steps=steps, penalty=first_penalty)
        self.readout: Readout = (
            ResidualReadout(num_classes, atoms)
            if readout == "residual"
            else LinearReadout(num_atoms, num_classes)
        )

    @classmethod
    def check(cls, _: int, /, **options: Any) -> None:
        """Reject counts below 1, a penalty that no feature could reach, and starts that do not fit."""
        chosen: dict[str, Any] = complete(cls, options)
        if chosen["atoms"] < 1:
            raise ConfigError(f"atoms must be at least 1, got {chosen['atoms']}")
        if not 1 <= chosen["steps"] <= 5:
            raise ConfigError(f"steps must be 1 to 5, got {chosen['steps']}; 3 serves")
        if not 0.0 < chosen["penalty"] <= 4.0:
            raise ConfigError(f"penalty must be in (0, 4], got {chosen['penalty']}; 0.8 is usual")
        if chosen["start"] == "class-means" and chosen["readout"] != "residual":
            raise ConfigError("start 'class-means' needs the readout 'residual', got 'linear'")
        if chosen["nuisance"] < 0 or (chosen["nuisance"] and chosen["start"] != "class-means"):
            raise ConfigError(
                f"nuisance counts directions projected out of class means, got {chosen['nuisance']} with "
                f"start {chosen['start']!r}"
            )

    @classmethod
    def tally(
        cls, place: Place, /, *, readout: str = "residual", atoms: int = 1, steps: int = 3, **_: Any
    ) -> Tally:
        """Count the closed form of the unfolded head, whose Gram matrix is part of every pass."""
        classes, features = place.out_channels, place.in_channels
        num_atoms = atoms * classes if readout == "residual" else atoms
        square = num_atoms**2
        coder = Tally(num_atoms * (features + 1), (square + num_atoms) * features + (steps - 1) * square)
        if readout == "linear":
            return coder + linear_tally(num_atoms, classes)
        return coder + Tally(1, square * classes + square + num_atoms * classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, channels, height, width) to logits (batch, classes)."""
        return self.readout(*self.coder(self.pool(x)))

    def code(self, x: Tensor) -> Tensor:
        """Return the code (batch, atoms) of a feature map: which atoms explain it, and how much of each."""
        return self.coder(self.pool(x)).code

    @property
    def awaits_data(self) -> bool:
        """Whether the atoms are still to begin from features: not random ones, nor trained ones."""
        return self.start != "random" and not self.coder.has_trained

    def start_from(self, inputs: Tensor, labels: Tensor) -> None:
        """Begin from pooled features (images, features) and their classes, in the way `start` says."""
        start_dictionary(self.coder, self.readout, inputs, labels, start=self.start, nuisance=self.nuisance)

    def health(self, inputs: Tensor) -> Mapping[str, float]:
        """Judge the codes of pooled features (images, features); `CodeHealth` says what is healthy."""
        return code_health(self.coder(inputs).code, self.readout)._asdict()

    def keep_atoms(self, kept: Tensor) -> None:
        """Remove every atom but `kept` (indices), in place; exact for atoms that no code uses."""
        self.coder.keep_atoms(kept)
        self.readout.keep_atoms(kept)

    def keep_features(self, kept: Tensor) -> None:
        """Remove every feature but `kept` (indices), in place."""
        self.coder.keep_features(kept)

    @torch.no_grad()
    def deployed(self) -> nn.Module:
        """Return an equal head whose dictionary is constant: a few matrix products and ReLUs."""
        return nn.Sequential(self.pool, FoldedDictionary(self.coder, self.readout))
