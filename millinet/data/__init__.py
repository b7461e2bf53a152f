"""Labelled images: where they come from, how they are split, and how they reach the device."""

from collections.abc import Mapping
from typing import Final

from millinet.data.collection import Collection
from millinet.data.dataset import DataSet, Split
from millinet.data.digits import read_digits
from millinet.data.feed import make_feed, placement
from millinet.data.folder import read_folder
from millinet.data.invariances import Invariances
from millinet.data.load import Reader, load_data
from millinet.data.table_file import read_csv
from millinet.data.torchvision_sets import SETS, read_torchvision

DATASETS: Final[Mapping[str, Reader]] = {
    "digits": read_digits,
    "folder": read_folder,
    "csv": read_csv,
    **dict.fromkeys(SETS, read_torchvision),
}
"""Every data set that comes along, by what precedes the colon; `pkg.module:factory` needs no entry."""

__all__ = [
    "DATASETS",
    "Collection",
    "DataSet",
    "Invariances",
    "Reader",
    "Split",
    "load_data",
    "make_feed",
    "placement",
]
