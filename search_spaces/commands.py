"""Check blocks of your own before a search meets them.

Shapes, gradients, determinism, independence of the batch, costs, export and pruning are tried on a small
network.
"""

from pathlib import Path
from typing import Annotated

import typer

from millinet.console import Console
from millinet.errors import ConfigError, ModelError
from millinet.tables import load_plugin
from search_spaces.block_check import PRUNING, check_block


def check_block_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Python file that defines BLOCKS; is run.")],
) -> None:
    """Try every claim a search relies on, for every block of the file.

    Raises:
        ConfigError: If the file defines no block.
        ModelError: If a block fails a claim; the lines before say which and why.
    """
    names = [added.removeprefix("blocks.") for added in load_plugin(file) if added.startswith("blocks.")]
    if not names:
        raise ConfigError(f"{file} adds no block; it should define a dict BLOCKS of name to class")
    console = Console()
    failed = []
    for name in names:
        console.print(f"block {name}")
        findings = check_block(name)
        if PRUNING not in {finding.claim for finding in findings}:
            console.print(f"  skip {PRUNING}: no pruner is installed")
        for finding in findings:
            console.print(f"  {'ok  ' if finding.holds else 'FAIL'} {finding.claim}")
            if not finding.holds:
                console.print(f"       {finding.problem}")
                failed.append(f"{name}: {finding.claim}")
    if failed:
        raise ModelError(f"{len(failed)} of the claims on {file} fail, first {failed[0]!r}; see above")
