"""Convolutions merged for inference: with the batch norm behind them, and with others that read the same."""

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class SideBySide(nn.Module):
    """1x1 convolutions that read one tensor, as a single one whose output is split.

    Args:
        branches: Each a convolution, alone or followed by a batch norm; all of one stride.
    """

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        kernels, biases = zip(*(merged(branch) for branch in branches), strict=True)
        self.widths = [len(kernel) for kernel in kernels]
        stride = _convolution(branches[0]).stride[0]
        self.conv = convolution(torch.cat(kernels), torch.cat(biases), stride=stride)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (batch, channels, height, width) to the output of every branch, in their order."""
        return torch.split(self.conv(x), self.widths, dim=1)


def is_mergeable(branch: nn.Module) -> bool:
    """Tell whether no norm whose statistics depend on the image follows the convolution."""
    return not any(isinstance(module, nn.GroupNorm | nn.LayerNorm) for module in branch.modules())


def merged(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """Fold the batch norm of a branch, if it has one, into its convolution; return kernel and bias."""
    conv, norms = _convolution(branch), [one for one in branch.modules() if isinstance(one, nn.BatchNorm2d)]
    bias = conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias
    return folded(conv.weight, bias, norms[0]) if norms else (conv.weight, bias)


def folded(kernel: Tensor, bias: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Fold a batch norm into the kernel and bias before it."""
    if norm.running_mean is None or norm.running_var is None:
        raise AssertionError("only a norm with statistics of its own is folded")
    return fuse_conv_bn_weights(
        kernel, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )


def convolution(
    kernel: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> nn.Conv2d:
    """Make a convolution of a kernel (out, in / groups, height, width) and a bias (out,), drawing nothing.

    A bias of zeros is left out.
    """
    num_out, per_group, height, width = kernel.shape
    has_bias = bool(bias.any())
    made = nn.Conv2d(
        per_group * groups,
        num_out,
        (height, width),
        stride,
        padding,
        groups=groups,
        bias=has_bias,
        device="meta",
    )
    made.weight = nn.Parameter(kernel.detach().clone())
    if has_bias:
        made.bias = nn.Parameter(bias.detach().clone())
    return made


def _convolution(branch: nn.Module) -> nn.Conv2d:
    return next(module for module in branch.modules() if isinstance(module, nn.Conv2d))
