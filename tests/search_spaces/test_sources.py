"""The program finds architectures by file, by text and by content, and networks by name."""

import json
from pathlib import Path

import pytest
import torch

from millinet.errors import ConfigError, ModelError, UnknownNameError
from search_spaces import network
from search_spaces.sources import architecture_source, network_source

TEXT = network("resnet20", num_classes=4, in_channels=1, resolution=(8, 8)).to_json()


@pytest.mark.parametrize("form", ["text", "content", "file"])
def test_an_architecture_is_built_from_any_form(form: str, tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    path.write_text(TEXT, encoding="utf-8")
    source = {"text": TEXT, "content": json.loads(TEXT), "file": path}[form]

    model = architecture_source(source, num_classes=None)

    assert model(torch.randn(2, 1, 8, 8)).shape == (2, 4)


def test_an_indented_file_is_the_same_architecture(tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps(json.loads(TEXT), indent=2), encoding="utf-8")

    assert architecture_source(path)(torch.randn(2, 1, 8, 8)).shape == (2, 4)


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no architecture at 'nowhere\.json'"):
        architecture_source("nowhere.json")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "architecture.json"
    path.write_text("[1, 2]", encoding="utf-8")

    with pytest.raises(ConfigError, match="not an architecture"):
        architecture_source(path)


def test_a_network_takes_the_task_of_its_paper_unless_told() -> None:
    with torch.device("meta"):
        papers = network_source("resnet18")(torch.empty(1, 3, 64, 64))
        ours = network_source("resnet18", num_classes=7, in_channels=1)(torch.empty(1, 1, 64, 64))

    assert (papers.shape, ours.shape) == ((1, 1000), (1, 7))


def test_an_unknown_network_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'resnet"):
        network_source("resnet5O")
