"""From what the user wrote to three splits."""

from collections.abc import Callable

from millinet.data.assemble import assemble
from millinet.data.collection import Collection
from millinet.data.dataset import DataSet
from millinet.data.factory import is_factory, read_factory
from millinet.data.spec import DataSpec, parse_spec
from millinet.errors import ConfigError
from millinet.tables import names, pick

Reader = Callable[[DataSpec], Collection]
"""Reads what follows a data set's name; the type of an entry of `DATASETS`."""


def load_data(
    spec: str, *, seed: int = 0, validation_fraction: float | None = None, test_fraction: float | None = None
) -> DataSet:
    """Read and split a data set.

    Args:
        spec: NAME[:ARGUMENT][,OPTION=VALUE...], see `millinet.data.spec`.
        seed: Chooses the validation split; the test split is the same for every seed.
        validation_fraction: Fraction of the set held back for early stopping, instead of the spec's.
        test_fraction: Fraction held back for the certificate, likewise.

    Raises:
        UnknownNameError: If no such data set is known.
        ConfigError: If an option is unknown or out of range.
        DataError: If it cannot be read or split.
    """
    # The table stands in the package's __init__, which imports this file.
    from millinet.data import DATASETS

    parsed = parse_spec(spec)
    asked = {"validation": validation_fraction, "test": test_fraction}
    for name, fraction in asked.items():
        if fraction is not None and not 0.0 < fraction < 1.0:
            raise ConfigError(f"{name}_fraction must be inside (0, 1), got {fraction}; a fifth is 0.2")
    changes = {name: fraction for name, fraction in asked.items() if fraction is not None}
    parsed = parsed.model_copy(update={"options": parsed.options.model_copy(update=changes)})
    if parsed.name not in names(DATASETS, group="data") and parsed.argument and is_factory(parsed.name):
        return assemble(read_factory(parsed), parsed, seed=seed)
    reader: Reader = pick("data set", parsed.name, DATASETS, group="data")
    return assemble(reader(parsed), parsed, seed=seed)
