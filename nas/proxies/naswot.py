"""NASWOT: how differently an untrained network sees the images of one batch.

Each rectifier is on or off for an image; two images with the same pattern look the same to the network
(Mellor et al., "Neural Architecture Search without Training", 2021, section 3).
"""

import torch
from torch import Tensor, nn

_RECTIFIERS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.LeakyReLU)


def naswot(model: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 -- every proxy gets labels
    """Score a network by log |K|, where K counts the activations in which two images agree.

    Costs one forward pass. K gets 1e-3 on its diagonal, so that the score of a singular one is finite.

    Args:
        model: Left as it is but for its batch statistics.
        images: Shape (batch, channels, height, width).
        labels: Not looked at.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)
    num_units = 0

    def count(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> None:
        nonlocal num_units
        is_on = (inputs[0].detach().flatten(1) > 0).double()
        kernel.add_((is_on @ is_on.T + (1 - is_on) @ (1 - is_on).T).cpu())
        num_units += is_on.shape[1]

    hooks = [
        module.register_forward_hook(count) for module in model.modules() if isinstance(module, _RECTIFIERS)
    ]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    kernel /= max(num_units, 1)
    return float(torch.linalg.slogdet(kernel + 1e-3 * torch.eye(len(images), dtype=torch.float64)).logabsdet)
