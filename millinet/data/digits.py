"""The embedded set: 1,797 handwritten digits of 8x8 pixels that come with scikit-learn.

Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998; the test part of it, as
`sklearn.datasets.load_digits` ships it. Grey values 0 to 16 are stretched to 0 to 255.
"""

import torch

from millinet.data.collection import Collection
from millinet.data.invariances import GLYPHS
from millinet.data.reshape import reshaped
from millinet.data.spec import DataSpec
from millinet.errors import DataError


def read_digits(spec: DataSpec) -> Collection:
    """Read the digits; nothing is fetched.

    Raises:
        DataError: If an argument is given, for there is nothing to choose.
    """
    # Importing scikit-learn takes a second that other data sets need not pay.
    from sklearn.datasets import load_digits

    if spec.argument:
        raise DataError(f"digits takes no argument, got {spec.argument!r}; write --data digits")
    bunch = load_digits()
    grey = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8)
    return Collection(
        images=reshaped(grey.unsqueeze(1), spec.options),  # (images, 1, 8, 8) unless asked otherwise
        labels=torch.from_numpy(bunch.target).long(),
        class_names=tuple(str(name) for name in bunch.target_names),
        keys=tuple(f"{index:04d}" for index in range(len(grey))),
        invariances=GLYPHS,
    )
