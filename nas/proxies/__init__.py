"""Training-free proxies: what an untrained network says of itself in seconds; evidence, never a verdict."""

from collections.abc import Callable, Mapping
from typing import Final

from torch import Tensor, nn

from nas.proxies.naswot import naswot
from nas.proxies.synflow import synflow
from nas.proxies.zico import zico

Proxy = Callable[[nn.Module, Tensor, Tensor], float]
"""proxy(model, images, labels) -> score, higher promises more; images (batch, channels, height, width)."""

PROXIES: Final[Mapping[str, Proxy]] = {"naswot": naswot, "synflow": synflow, "zico": zico}

__all__ = ["PROXIES", "Proxy", "naswot", "synflow", "zico"]
