"""Global-local filter of HorNet: half of the channels see 3x3 pixels, the other half all frequencies."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from search_spaces.layers import ChannelNorm
from search_spaces.tally import Tally


class GlobalLocalFilter(nn.Module):
    """Filter the joined orders of a gated convolution (Rao et al., 2022, section 3.2).

    The channels are halved and interleaved again, so they cannot be pruned one by one.
    """

    def __init__(self, channels: int, resolution: tuple[int, int]) -> None:
        super().__init__()
        half, (height, width) = channels // 2, resolution
        self.before = ChannelNorm(channels, eps=1e-6)
        self.local = nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False)
        # Real and imaginary part of the transfer function, of shape (channels, height, frequencies, 2).
        self.transfer = nn.Parameter(torch.randn(half, height, width // 2 + 1, 2) * 0.02)
        self.after = ChannelNorm(channels, eps=1e-6)

    def forward(self, orders: Sequence[Tensor]) -> list[Tensor]:
        """Filter tensors (batch, channels of the order, height, width) and return them in the same order."""
        joined = self.before(torch.cat(list(orders), dim=1))
        half = joined.shape[1] // 2
        local, spectral = self.local(joined[:, :half]), self._filtered(joined[:, half:])
        interleaved = torch.stack((local, spectral), dim=2).flatten(1, 2)
        return list(torch.split(self.after(interleaved), [order.shape[1] for order in orders], dim=1))

    def _filtered(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        spectrum = torch.fft.rfft2(x.float(), norm="ortho")
        transfer: Tensor = self.transfer
        if transfer.shape[1:3] != spectrum.shape[2:]:
            planes = transfer.permute(3, 0, 1, 2)
            planes = F.interpolate(planes, size=spectrum.shape[2:], mode="bilinear", align_corners=True)
            transfer = planes.permute(1, 2, 3, 0).contiguous()
        filtered = torch.fft.irfft2(
            spectrum * torch.view_as_complex(transfer), s=(height, width), norm="ortho"
        )
        return filtered.to(x.dtype)


def filter_tally(channels: int, resolution: tuple[int, int]) -> Tally:
    """Count the filter; its transforms hold no multiply-adds of convolutions or matrix products."""
    half, (height, width) = channels // 2, resolution
    transfer = half * height * (width // 2 + 1) * 2
    return Tally(2 * 2 * channels + 9 * half + transfer, 9 * half * height * width)
