"""Whether a sparse-coded head uses its dictionary: sparse enough, and no part of it dead."""

from typing import NamedTuple

from torch import Tensor

from search_spaces.heads.readouts import Readout, ResidualReadout


class CodeHealth(NamedTuple):
    """How a dictionary was used over many images."""

    zeros: float
    """Fraction of code entries that are zero; 0.5 to 0.95 is healthy."""
    dead_atoms: float
    """Fraction of atoms no image used; at most 0.1 is healthy."""
    silent_classes: int
    """Classes without an atom in use; 0 is healthy, and always 0 where classes own no atoms."""

    @property
    def is_healthy(self) -> bool:
        """Whether all three are in their range."""
        return 0.5 <= self.zeros <= 0.95 and self.dead_atoms <= 0.1 and self.silent_classes == 0


def code_health(code: Tensor, readout: Readout) -> CodeHealth:
    """Judge the codes (images, atoms) of a representative set."""
    is_used = (code > 0).any(dim=0)
    silent = 0
    if isinstance(readout, ResidualReadout):
        membership = readout.membership
        silent = int((is_used.to(membership.dtype) @ membership == 0).sum())
    return CodeHealth(
        zeros=float((code == 0).float().mean()),
        dead_atoms=1.0 - float(is_used.float().mean()),
        silent_classes=silent,
    )
