"""Training-free proxies: what an untrained network says of itself in seconds; evidence, never a verdict."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from torch import Tensor, nn

from millinet.errors import ConfigError
from millinet.tables import pick
from nas.proxies.naswot import naswot
from nas.proxies.synflow import synflow
from nas.proxies.zico import zico

Proxy = Callable[[nn.Module, Tensor, Tensor], float]
"""proxy(model, images, labels) -> score, higher promises more; images (batch, channels, height, width)."""

PROXIES: Final[Mapping[str, Proxy]] = {"naswot": naswot, "synflow": synflow, "zico": zico}


def check_proxies(names: Sequence[str], sampler: str) -> None:
    """Reject proxies that are unknown, or that the sampler would not look at.

    Raises:
        ConfigError: If one is unknown or comes twice, or the sampler is not `gated`.
    """
    for name in names:
        pick("proxy", name, PROXIES, group="proxies")
    if len(set(names)) < len(names):
        raise ConfigError(f"each proxy comes once, got {', '.join(names)}; name it once")
    if names and sampler != "gated":
        raise ConfigError(
            f"proxies are looked at by the sampler 'gated' alone, got {sampler!r} with {', '.join(names)}; "
            f"leave out the proxies, or the other sampler"
        )


__all__ = ["PROXIES", "Proxy", "check_proxies", "naswot", "synflow", "zico"]
