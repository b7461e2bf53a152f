"""Write the winners of a run as .pt2 and ONNX; check that they agree."""

from pathlib import Path
from typing import Annotated

import typer

from compress.export import export_winner
from millinet.console import Console
from millinet.errors import RunFolderError
from millinet.options import Plugins
from millinet.runs import RunFolder
from millinet.tables import load_plugin


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    *,
    plugin: Plugins = None,
) -> Path:
    """Write every winner as model.pt2 and model.onnx beside its weights, with a free batch size.

    All forms are loaded in a fresh process without pickle and compared with the trained network: a difference
    of more than 1e-4 of the largest output is an error, and leaves no file.
    """
    for file in plugin or []:
        load_plugin(file)
    opened = RunFolder.open(run)
    if not opened.winners():
        raise RunFolderError(f"{run} has no winner to export; let the search find one first")
    channels, height, width = opened.record.data["input_shape"]
    console = Console()
    for winner in opened.winners():
        errors = export_winner(winner.path, (channels, height, width))
        told = ", ".join(f"{form} {error:.1e}" for form, error in errors.items())
        console.print(
            f"winner {winner.rank} exported; difference from the trained network: {told}",
        )
    opened.seal()
    return run
