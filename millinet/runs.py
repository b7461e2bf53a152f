"""The run folder: everything a search, a pruning or a report leaves on disk, and the only way in and out.

    runs/NAME/
      run.json        what was asked, on what, with what; see `RunRecord`
      study.db        the search's ledger
      trials.csv latency.csv history.csv
      winners/RANK/   one network each; see `Winner`
      report.html

Every file is replaced atomically. Nothing here needs torch, so a report can be made on a machine without it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from millinet.certificate import Certificate
from millinet.errors import ConfigChangedError, RunFolderError
from millinet.files import write_text
from millinet.frames import FrameSchema

FORMAT: Final = "millinet.run/1"
Status = Literal["running", "complete", "interrupted", "infeasible", "failed"]


class RunRecord(BaseModel):
    """What `run.json` holds."""

    model_config = ConfigDict(extra="forbid")

    format: str = FORMAT
    """Kind and version of the folder."""
    name: str
    """Name of the run, for people."""
    status: Status = "running"
    """How far the run came."""
    created: str
    """UTC, ISO 8601."""
    command: list[str]
    """The command that makes this run, word by word; the same command resumes it."""
    config: dict[str, Any]
    """Every setting that decides the result; a folder is only ever continued with the same ones."""
    num_trials: int | None = None
    """Finished trials asked for in all; may grow when a run is continued."""
    seed: int = 0
    """Seed of the data split, the sampler and the training."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Python and package versions."""
    commit: str = ""
    """Commit or version of millinet."""
    device: dict[str, Any] = Field(default_factory=dict)
    """Description of the device measured on."""
    data: dict[str, Any] = Field(default_factory=dict)
    """spec, fingerprint, num_classes, class_names, input_shape, sizes and skipped files of the data set."""
    budget: dict[str, Any] = Field(default_factory=dict)
    """text as given, limit_ms it came to, and what it was derived from."""
    space: dict[str, Any] = Field(default_factory=dict)
    """name, fingerprint, size (as text: it may pass any integer type) and TOML of the space."""
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Every setting of the trainings, by phase: search, final, recovery."""
    storage: dict[str, str] = Field(default_factory=dict)
    """Where the trials are kept: address, never with its password, and the study's name there."""
    phases: dict[str, float] = Field(default_factory=dict)
    """Seconds spent by phase."""
    checksums: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of the files that carry the result, by path in the folder."""
    winners_from: int | None = None
    """Finished trials the winners were chosen from."""
    notes: list[str] = Field(default_factory=list)
    """What a reader should know: nothing met the budget, a pruning that was not kept, and the like."""

    @field_validator("checksums")
    @classmethod
    def _inside(cls, checksums: dict[str, str]) -> dict[str, str]:
        for name in checksums:
            path = PurePath(name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{name!r} is no file of the folder")
        return checksums


class Winner:
    """One network of a run: `winners/RANK/`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def rank(self) -> int:
        """Place among the winners, from 1."""
        return int(self.path.name)

    @property
    def before(self) -> "Winner | None":
        """The network as it was before pruning, where it was pruned."""
        folder = self.path / "before"
        return Winner(folder) if folder.is_dir() else None

    @property
    def certificate(self) -> Certificate | None:
        """The measured evidence, or None while there is none."""
        path = self.path / "certificate.json"
        return Certificate.read(path) if path.exists() else None

    def frame(self, schema: FrameSchema) -> pd.DataFrame:
        """Read the winner's frame of that schema; empty where there is none."""
        return schema.read(self.path / f"{schema.name}.csv")


class RunFolder:
    """A run folder that exists."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path = path
        self.record = record

    @classmethod
    def create(cls, path: Path, record: RunRecord) -> Self:
        """Make the folder with its `run.json`.

        Raises:
            RunFolderError: If the place is taken by something that is no run folder, or cannot be written.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunFolderError(f"{path} exists and is no run folder; choose another --out or remove it")
        run = cls(path, record)
        run.save()
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing run folder.

        Raises:
            RunFolderError: If there is none, its `run.json` cannot be read by this version, or a link of a
                winner leads out of it.
        """
        file = path / "run.json"
        if not file.is_file():
            raise RunFolderError(f"{path} is no run folder (it has no run.json); give one made by millinet")
        for link in filter(Path.is_symlink, (path / "winners").rglob("*")):
            if not link.resolve().is_relative_to(path.resolve()):
                raise RunFolderError(f"{link} leads out of the run folder; put the file itself there")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            found = content.get("format") if isinstance(content, dict) else None
            if found != FORMAT:
                raise RunFolderError(
                    f"{file} has format {found!r}, this version reads {FORMAT!r}; use the one that made it"
                )
            return cls(path, RunRecord.model_validate(content))
        except (ValueError, OSError) as error:
            reason = _first_problem(error)
            raise RunFolderError(f"{file} cannot be read: {reason}; restore it or start a new run") from error

    @classmethod
    def resume_or_create(
        cls, path: Path, record: RunRecord, *, after: Collection[Status] = (), left: Collection[str] = ()
    ) -> Self:
        """Continue the run at `path` if there is one, else make it.

        Args:
            path: The folder.
            record: What is asked for now.
            after: Endings after which a run of the same kind, without winners, makes way for other settings.
            left: Files of it that are then deleted.

        Raises:
            ConfigChangedError: If the folder has another configuration; the message lists what differs.
        """
        if not (path / "run.json").exists():
            return cls.create(path, record)
        run = cls.open(path)
        changes = differences(run.record.config, record.config)
        is_alike = run.record.config.keys() == record.config.keys()
        if changes and is_alike and run.record.status in after and not run.winners():
            for name in left:
                (path / name).unlink(missing_ok=True)
            run = cls(path, record)
            run.save()
        elif changes:
            raise ConfigChangedError(
                f"{path} was made with another configuration ({'; '.join(changes)}); "
                f"repeat the old settings to resume, or choose another --out"
            )
        return run

    def save(self, **changes: Any) -> None:
        """Take over `changes` into the record and write `run.json`."""
        self.record = RunRecord.model_validate(self.record.model_dump() | changes)
        write_text(self.path / "run.json", self.record.model_dump_json(indent=2) + "\n")

    def note(self, text: str) -> None:
        """Add a note for the reader, once."""
        if text not in self.record.notes:
            self.save(notes=[*self.record.notes, text])

    def add_seconds(self, phase: str, seconds: float) -> None:
        """Count time spent in a phase."""
        spent = self.record.phases.get(phase, 0.0) + seconds
        self.save(phases=self.record.phases | {phase: round(spent, 3)})

    def frame(self, schema: FrameSchema) -> pd.DataFrame:
        """Read the run's frame of that schema; empty where there is none."""
        return schema.read(self.path / f"{schema.name}.csv")

    def write(self, schema: FrameSchema, frame: pd.DataFrame) -> None:
        """Replace the run's frame of that schema."""
        schema.write(frame, self.path / f"{schema.name}.csv")

    def append(self, schema: FrameSchema, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows to the run's frame of that schema."""
        added = schema.frame(rows)
        present = self.frame(schema)
        self.write(schema, pd.concat([present, added], ignore_index=True) if len(present) else added)

    def winner_path(self, rank: int) -> Path:
        """Return the folder of the winner of that rank, which need not exist yet."""
        return self.path / "winners" / str(rank)

    def winners(self) -> list[Winner]:
        """List the winners by rank."""
        folders = [
            path for path in (self.path / "winners").glob("*") if path.is_dir() and path.name.isdigit()
        ]
        return [Winner(path) for path in sorted(folders, key=lambda path: int(path.name))]

    def seal(self) -> None:
        """Record the checksum of every file that carries the result."""
        files = [path for path in self.path.rglob("*") if path.is_file() and _carries_result(path)]
        sums = {str(path.relative_to(self.path)): _sha256(path) for path in sorted(files)}
        self.save(checksums=sums)

    def damaged(self) -> list[str]:
        """List the files that no longer have the recorded checksum, or are gone."""
        return [
            name
            for name, expected in self.record.checksums.items()
            if not (self.path / name).is_file() or _sha256(self.path / name) != expected
        ]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in words which settings differ, as `name: old -> new`."""
    keys = sorted(old.keys() | new.keys())
    return [f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in keys if old.get(key) != new.get(key)]


def _carries_result(path: Path) -> bool:
    # report/ holds what is made from the rest, and may be made again with other options.
    return (
        path.name != "run.json"
        and path.parent.name != "report"
        and path.suffix
        in (
            ".csv",
            ".json",
            ".safetensors",
            ".pt2",
            ".onnx",
        )
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"field {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
