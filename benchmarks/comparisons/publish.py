"""What the three comparisons share: running the program as a user types it, and publishing what came out."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from millinet.device import describe
from millinet.files import write_text
from millinet.provenance import as_shell, command_line, commit, utc_now, versions
from reports import build_report
from reports.compare import frames_of
from reports.findings import findings, sentences
from reports.load import load_runs

ROOT: Final = Path(__file__).parents[2]
WORK: Final = ROOT / "runs" / "comparisons"
DOCS: Final = ROOT / "docs" / "comparisons"


def program(folder: Path, *words: str) -> str:
    """Run `millinet` with `words` in `folder`, and return the command as a user types it."""
    told = as_shell(["millinet", *words])
    print(f"$ {told}", flush=True)
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "millinet", *words]
    subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, check=True)
    return told


def markdown_table(frame: pd.DataFrame) -> str:
    """Write a small frame as a Markdown table, as it stands."""
    rows = [list(map(str, frame.columns)), ["---"] * len(frame.columns), *frame.astype("str").to_numpy()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What one page compares."""

    name: str
    """Of the page, and of the folder beside it."""
    runs: Sequence[Path]
    """Run folders with certified networks."""
    timed: Path
    """A profile in which the same networks were timed in turns, the baseline's first."""
    baseline: str
    """The run that the others are compared with."""
    text: str
    """The page from its heading down to the findings."""
    commands: Sequence[str]
    """What made the runs, in order."""
    extra: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Frames of the comparison's own, by name."""
    pictures: Sequence[str] = ("front", "architecture", "training")
    """What the names of the plots to keep begin with."""


def publish(comparison: Comparison) -> Path:
    """Write frames, pictures and the page of findings to docs/comparisons, and return the page."""
    name, report = comparison.name, WORK / comparison.name / "report"
    build_report(comparison.runs, report, baseline=comparison.baseline, pictures=["svg"])
    folder = DOCS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for frame in sorted((report / "report").glob("*.csv")):
        if len(pd.read_csv(frame)):
            shutil.copyfile(frame, folder / frame.name)
    for title, own in comparison.extra.items():
        own.to_csv(folder / f"{title}.csv", index=False)
    for picture in (report / "report" / "pictures").iterdir():
        if picture.name.startswith(tuple(comparison.pictures)):
            shutil.copyfile(picture, folder / picture.name)
    timed = frames_of(load_runs([comparison.timed]))["comparison"]
    timed.to_csv(folder / "side-by-side.csv", index=False)
    found = findings(frames_of(load_runs(comparison.runs), baseline=comparison.baseline))
    shown = [f"![{path.stem}]({name}/{path.name})" for path in sorted(folder.glob("*.svg"))]
    listed = ", ".join(f"[{path.name}]({name}/{path.name})" for path in sorted(folder.glob("*.csv")))
    parts = [comparison.text.strip(), "## Findings", found.strip(), "## Latency, timed in turns"]
    # A profile knows no accuracy, and that need not be said of every pair.
    parts += [
        sentences(timed.assign(note="")).strip(),
        "## Pictures and frames",
        *shown,
        f"Frames: {listed}.",
    ]
    parts += ["## How it was made", _provenance(name), "```\n" + "\n".join(comparison.commands) + "\n```"]
    page = DOCS / f"{name}.md"
    write_text(page, "\n\n".join(parts) + "\n")
    print(f"written: {page.relative_to(ROOT)}")
    return page


def _provenance(name: str) -> str:
    info = describe("cpu")
    named = ", ".join(f"{key} {value}" for key, value in versions().items())
    # Folders by their names: where they lay on that machine says nothing.
    asked = as_shell([Path(word).name if word.startswith("/") else word for word in command_line()[1:]])
    started = f"python -m benchmarks.comparisons.{name} {asked}".strip()
    return (
        f"`{started}` on {utc_now()[:10]}, {info.name}, one thread; {named}; commit {commit()}. Accuracies "
        f"have 95% Wilson intervals, latencies the 95% intervals of their certificates and profiles."
    )
