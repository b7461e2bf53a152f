"""The form in which parts of a network are deployed: branches merged, dictionaries multiplied out."""

import copy
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Deployable(Protocol):
    """A module that has an equal but cheaper form for inference."""

    def deployed(self) -> nn.Module:
        """Return that form, or the module itself where it has none as it stands; it is left as it is."""


def reparameterise(model: nn.Module) -> nn.Module:
    """Return a copy in eval mode in which every `Deployable` part has its cheaper form.

    The output stays the same up to rounding. RepVGG's branches become one convolution (Ding et al., 2021), so
    do convolutions of dual path and gated blocks that read the same; a sparse-coded head becomes a few matrix
    products.
    """
    deployed = copy.deepcopy(model).eval()
    if isinstance(deployed, Deployable):
        return deployed.deployed().eval()
    for name, module in list(deployed.named_modules()):
        if name and isinstance(module, Deployable):
            deployed.set_submodule(name, module.deployed().eval())
    return deployed
