"""How the weights of a new network are drawn."""

from torch import nn


def initialise(model: nn.Module) -> None:
    """Draw convolutions from a normal of variance 2 / fan-out and clear their biases (He et al., 2015).

    Norms and linear layers keep torch's own start; on the meta device there is nothing to draw.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
