"""A person is told what a data set holds, and what of it could not be read."""

from dataclasses import replace

import torch

from millinet.data import DataSet, load_data
from millinet.data.telling import data_lines

CPU = torch.device("cpu")


def with_skipped(count: int) -> DataSet:
    names = [f"cat/{index}.png: the file is empty" for index in range(count)]
    return replace(load_data("digits"), notes=["all is well"], skipped=names)


def test_sizes_place_and_notes_are_told() -> None:
    assert data_lines(with_skipped(0), CPU) == [
        "digits: 1168 train, 270 validation, 359 test images, on the device",
        "  all is well",
    ]


def test_a_few_unreadable_files_are_named_and_many_are_counted() -> None:
    few, many = data_lines(with_skipped(5), CPU), data_lines(with_skipped(7), CPU)

    assert few[-1] == "  skipped cat/4.png: the file is empty"
    assert many[-2:] == [few[-1], "  and 2 more skipped, listed in run.json"]
