"""Train in batches that do not fit into memory, by adding up the gradients of smaller ones."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from millinet.errors import MemoryShortError

LossOf = Callable[[Tensor, Tensor], Tensor]
"""Mean loss of images and their labels."""

_BATCH_NORMS = nn.modules.batchnorm._BatchNorm


class MicroBatches:
    """The largest part of a batch that is known to fit; found by halving, and remembered."""

    def __init__(self, model: nn.Module, size: int) -> None:
        self.size = size
        """Most images in one forward pass."""
        self._model = model
        # A batch norm over one image of one pixel has no variance to divide by.
        self._smallest = 2 if any(isinstance(module, _BATCH_NORMS) for module in model.modules()) else 1

    def backward(self, loss_of: LossOf, images: Tensor, labels: Tensor, *, weight: float = 1.0) -> Tensor:
        """Leave the gradient of the whole batch's mean loss in the model, and return that loss.

        Batch norms see the parts, not the whole; all else is as if the batch had fitted.

        Args:
            loss_of: Mean loss of some images and their labels.
            images: Shape (batch, channels, height, width).
            labels: Shape (batch,) or (batch, classes).
            weight: Factor on the gradient alone.

        Raises:
            MemoryShortError: If not even the smallest part fits.
        """
        while True:
            try:
                return self._attempt(loss_of, images, labels, weight)
            except (RuntimeError, MemoryError) as error:
                if not is_memory_short(error):
                    raise
                halved = min(self.size, len(images)) // 2
                if halved < self._smallest:
                    raise MemoryShortError(
                        f"training does not fit into memory, even {min(self.size, len(images))} images at a "
                        f"time; use smaller images or a smaller network"
                    ) from error
                self.size = halved
            self._model.zero_grad(set_to_none=True)
            if images.is_cuda:
                torch.cuda.empty_cache()

    def _attempt(self, loss_of: LossOf, images: Tensor, labels: Tensor, weight: float) -> Tensor:
        self._model.zero_grad(set_to_none=True)
        num_parts = max(1, min(-(-len(images) // self.size), len(images) // self._smallest))
        total = torch.zeros((), device=images.device)
        for part, named in zip(images.tensor_split(num_parts), labels.tensor_split(num_parts), strict=True):
            loss = loss_of(part, named) * (len(part) / len(images))
            torch.autograd.backward(loss * weight)
            total += loss.detach()
        return total


def is_memory_short(error: BaseException) -> bool:
    """Tell whether an error says that memory was short; torch 2.15 has no class of its own for a CPU's."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
