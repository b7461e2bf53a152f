"""Options that several commands take, each worded once."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str, typer.Option(help="digits, folder:PATH, csv:FILE, cifar10, cifar100, mnist, module:factory, ...")
]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N; by default a GPU if there is one.")]
Threads = Annotated[int, typer.Option(help="Intra-op threads on a CPU.")]
Plugins = Annotated[
    list[Path] | None, typer.Option(help="Python file that adds blocks, heads, data, criteria, ...; is run.")
]
SearchBudget = Annotated[
    str | None, typer.Option(help="2ms, p95<=3ms, 0.5x:resnet20; by default half of a reference network.")
]
Trials = Annotated[int, typer.Option(help="Finished trials in all, over every resumption.")]
