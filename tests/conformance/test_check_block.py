"""Every block of the table passes what `check-block` asks of a user's; a broken one is told what is wrong."""

import re
from pathlib import Path

import pytest

from compress import prune
from millinet.errors import ConfigError, ModelError
from millinet.tables import load_plugin
from search_spaces import BLOCKS, SearchSpace
from search_spaces.block_check import CLAIMS, Finding, check_block
from search_spaces.commands import check_block_file

DOCS = Path(__file__).parents[2] / "docs" / "extending.md"

BROKEN = """
import torch
from search_spaces import Part, Place

class Broken(Part):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.conv = place.layers.conv((place.in_channels, place.out_channels), 3, stride=place.stride)
        self.unused = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.conv(x) {change}

BLOCKS = {{"broken": Broken}}
"""


def code_of_the_docs(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_of_the_table_passes(name: str) -> None:
    assert [finding for finding in check_block(name, prune=prune) if not finding.holds] == []


def test_the_example_of_the_docs_passes_and_can_be_searched(tmp_path: Path) -> None:
    file = tmp_path / "my_blocks.py"
    file.write_text(code_of_the_docs("python"), encoding="utf-8")
    load_plugin(file)

    findings = check_block("ghost", prune=prune)

    assert [finding for finding in findings if not finding.holds] == []
    assert SearchSpace.from_toml(code_of_the_docs("toml")).size > 1000


def test_a_broken_block_is_told_every_broken_claim(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text(BROKEN.format(change="- x.mean()"), encoding="utf-8")
    load_plugin(file)

    findings = {finding.claim: finding for finding in check_block("broken", prune=prune)}

    assert "unused" in findings["every parameter gets a gradient"].problem
    assert "depends on its batch" in findings["an image's output does not depend on its batch"].problem
    assert findings["the same seed gives the same network"].holds


def test_the_command_prints_a_line_a_claim_and_fails_where_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cropped.py"
    file.write_text(BROKEN.replace("broken", "cropped").format(change="[..., 1:]"), encoding="utf-8")

    with pytest.raises(ModelError, match="fail, first 'cropped: shapes are as declared at strides 1 and 2'"):
        check_block_file(file)

    printed = capsys.readouterr().out
    assert printed.count("\n  ") >= len(CLAIMS)
    assert "FAIL shapes are as declared" in printed


def test_a_file_without_blocks_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heads.py"
    file.write_text("HEADS = {'none': object}", encoding="utf-8")

    with pytest.raises(ConfigError, match="adds no block"):
        check_block_file(file)


def test_a_finding_without_a_problem_holds() -> None:
    assert Finding("claim", "").holds
    assert not Finding("claim", "problem").holds
