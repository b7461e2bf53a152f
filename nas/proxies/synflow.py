"""SynFlow: how much signal flows through a network when every weight is taken by its magnitude.

The sum over weights of |w| times the gradient of the output for an input of ones (Tanaka et al., "Pruning
neural networks without any data by iteratively conserving synaptic flow", 2020, eq. 4; as a proxy:
Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", 2021).
"""

import math
from contextlib import ExitStack

import torch
from torch import Tensor, nn


def synflow(model: nn.Module, images: Tensor, labels: Tensor) -> float:  # noqa: ARG001 -- likewise
    """Score a network by the logarithm of its synaptic flow.

    Costs one forward and one backward pass of one image, in double precision. Norms are passed over, for they
    would make the flow the same everywhere. A flow of zero scores as the smallest one a double holds.

    Args:
        model: Left as it is.
        images: Only their shape is looked at, (batch, channels, height, width).
        labels: Not looked at.
    """
    modes = [(module, module.training) for module in model.modules()]
    kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
    try:
        with ExitStack() as stack:
            for module in model.modules():
                if isinstance(module, _NORMS):
                    stack.callback(module.register_forward_hook(_pass_over).remove)
            # A norm in training refuses a map of one pixel, though it is passed over.
            model.eval().double()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.abs_()
            model.zero_grad()
            ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)
            model(ones).sum().backward()
            flow = sum(
                float((parameter.detach() * parameter.grad).sum())
                for parameter in model.parameters()
                if parameter.grad is not None and parameter.ndim > 1
            )
    finally:
        model.float()
        model.load_state_dict(kept)
        model.zero_grad()
        for module, was_training in modes:
            module.training = was_training
    return math.log(min(max(flow, 1e-300), 1e300))


_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


def _pass_over(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> Tensor:
    return inputs[0]
