"""What a search put down in its study, so that a worker on any machine can join and prove that it fits."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Self

import optuna
from pydantic import BaseModel, ConfigDict, ValidationError

from millinet.data import DATASETS
from millinet.errors import ConfigChangedError, ConfigError
from millinet.provenance import commit, versions
from millinet.tables import names
from nas.config import SearchConfig
from nas.problem import Problem
from nas.records import TERMS
from nas.samplers import SAMPLERS

FORMAT: Final = "millinet.search/1"
_DECIDING: Final = ("millinet", "torch", "torchvision", "optuna")
"""Packages whose version must be the same for results to compare."""


class Terms(BaseModel):
    """Everything that decides a search, as JSON."""

    model_config = ConfigDict(extra="forbid")

    format: str = FORMAT
    """Kind and version of this record."""
    data: str
    """The data spec."""
    data_fingerprint: str
    """Hash of the images, the labels and the split."""
    space: str
    """The space as TOML."""
    space_fingerprint: str
    """Hash of the space."""
    budget: str
    """The latency budget as given."""
    limit_ms: float
    """What it came to, in milliseconds."""
    device: dict[str, Any]
    """The device that latencies are measured on and judged for."""
    config: dict[str, Any]
    """The fields of `SearchConfig`."""
    versions: dict[str, str]
    """Python and package versions."""
    commit: str
    """Commit or version of millinet."""

    @classmethod
    def of(cls, problem: Problem, device: Mapping[str, Any]) -> Self:
        """Write down the terms of a search."""
        return cls(
            data=problem.data.spec,
            data_fingerprint=problem.data.fingerprint,
            space=problem.space.to_toml(),
            space_fingerprint=problem.space.fingerprint,
            budget=str(problem.budget),
            limit_ms=problem.limit_ms,
            device=dict(device),
            config=asdict(problem.config),
            versions=versions(),
            commit=commit(),
        )

    @classmethod
    def read(cls, study: optuna.Study) -> Self:
        """Read the terms of a study.

        Raises:
            ConfigError: If it has none, or was made by a version that writes them otherwise.
        """
        name, found = study.study_name, study.user_attrs.get(TERMS)
        if found is None:
            raise ConfigError(f"study {name!r} has no terms to join by; start `millinet search` on it first")
        form = found.get("format") if isinstance(found, dict) else None
        if form != FORMAT:
            raise ConfigError(
                f"study {name!r} has terms of format {form!r}, this version reads {FORMAT!r}; "
                f"join with the version of millinet that made it"
            )
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(
                f"the terms of study {name!r} cannot be read: {'.'.join(map(str, first['loc']))}: "
                f"{first['msg']}; join with the version of millinet that made it"
            ) from error

    @property
    def search_config(self) -> SearchConfig:
        """The configuration, with the total of trials as it was last asked for.

        Raises:
            ConfigError: If it holds a setting that this version does not know, or out of range.
        """
        try:
            lists = {"objectives": self.config["objectives"], "proxies": self.config.get("proxies", ())}
            return SearchConfig(**self.config | {name: tuple(value) for name, value in lists.items()})
        except (TypeError, KeyError) as error:
            raise ConfigError(
                f"the search has other settings than this version knows ({error}); "
                f"join with the commit of millinet that made it, {self.commit}"
            ) from error

    @property
    def code(self) -> list[str]:
        """What the terms name that would be imported and run here: a data factory, a sampler of one's own."""
        data, sampler = self.data.partition(":")[0], str(self.config.get("sampler", SearchConfig().sampler))
        named = []
        if data not in names(DATASETS, group="data"):
            named.append(f"data {self.data!r}")
        if sampler not in names(SAMPLERS, group="samplers"):
            named.append(f"sampler {sampler!r}")
        return named

    def deciding(self) -> dict[str, Any]:
        """Return what may not change from one worker or resumption to the next."""
        # A study begun before there were proxies is the same as one without.
        given = {name: value for name, value in self.config.items() if name != "proxies" or value}
        config = {name: value for name, value in given.items() if name != "num_trials"}
        kept = self.model_dump(include={"data_fingerprint", "space_fingerprint", "budget"})
        return kept | {name: list(v) if isinstance(v, tuple) else v for name, v in config.items()}


def check_trust(terms: Terms, *, is_trusted: bool) -> None:
    """Refuse to run what a study names until the user agrees: whoever may write to its database chose it.

    Raises:
        ConfigError: If it names code and is not trusted.
    """
    if terms.code and not is_trusted:
        raise ConfigError(
            f"the study names code to be run here ({', '.join(terms.code)}); if you trust all who may write "
            f"to its database, join with --trust-study"
        )


def check_versions(terms: Terms) -> list[str]:
    """Compare this installation with the one that began a search.

    Returns:
        Differences that do not matter much, for the worker to say.

    Raises:
        ConfigError: If a package differs that decides results.
    """
    here = versions()
    differing = {
        name: f"{name} {there} there, {here.get(name, 'none')} here"
        for name, there in terms.versions.items()
        if here.get(name) != there
    }
    deciding = [differing[name] for name in _DECIDING if name in differing]
    if deciding:
        raise ConfigError(
            f"this installation differs from the search's ({'; '.join(deciding)}); install the same versions"
        )
    notes = list(differing.values())
    if commit() != terms.commit:
        notes.append(f"millinet at {terms.commit} there, at {commit()} here")
    return notes


def check_device(terms: Terms, device: Mapping[str, Any]) -> None:
    """Refuse a device that the budget says nothing about.

    A latency belongs to the device it was measured on; one of another would be judged by the wrong limit.

    Raises:
        ConfigError: If the hardware is not what the search measures on.
    """
    for field in ("kind", "name"):
        there, here = terms.device.get(field), device.get(field)
        if there != here:
            raise ConfigError(
                f"the budget of {terms.limit_ms:.3g} ms is for {there!r}, this worker measures on {here!r}; "
                f"join from a machine with that device, or search for this one under a name of its own"
            )


def keep_terms(study: optuna.Study, terms: Terms) -> None:
    """Put the terms down in a new study, or check them against those it has.

    Raises:
        ConfigChangedError: If the study was begun with others; the message lists what differs.
    """
    known = study.user_attrs.get(TERMS)
    if known is not None:
        before, now = Terms.read(study).deciding(), terms.deciding()
        changed = [
            f"{name}: {before.get(name)!r} -> {now.get(name)!r}"
            for name in before | now
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise ConfigChangedError(
                f"study {study.study_name!r} was begun with other terms ({'; '.join(changed)}); "
                f"repeat the old ones, or choose another --study"
            )
    study.set_user_attr(TERMS, terms.model_dump(mode="json"))
