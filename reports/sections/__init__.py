"""The sections of the page, in order: each a function that fills the template of its name, or gives None."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from reports.content import Content
from reports.sections.architectures import architectures_section
from reports.sections.candidates import candidates_section
from reports.sections.choices import choices_section
from reports.sections.comparison import comparison_section
from reports.sections.failures import failures_section
from reports.sections.provenance import provenance_section
from reports.sections.pruning import pruning_section
from reports.sections.search import search_section
from reports.sections.tradeoff import tradeoff_section
from reports.sections.training import training_section
from reports.sections.verdict import verdict_section
from reports.sections.winners import winners_section


class Section(NamedTuple):
    """One section: its name in the page's menu, empty for none, and what fills the template of its name."""

    link: str
    fill: Callable[[Content], Mapping[str, Any] | None]


SECTIONS: Final[Mapping[str, Section]] = {
    "verdict": Section("", verdict_section),
    "tradeoff": Section("Front", tradeoff_section),
    "winners": Section("Winners", winners_section),
    "comparison": Section("Comparison", comparison_section),
    "architectures": Section("Drawings", architectures_section),
    "pruning": Section("Pruning", pruning_section),
    "search": Section("Search", search_section),
    "choices": Section("Choices", choices_section),
    "training": Section("Training", training_section),
    "candidates": Section("Candidates", candidates_section),
    "failures": Section("Failures", failures_section),
    "provenance": Section("Provenance", provenance_section),
}

__all__ = ["SECTIONS", "Section"]
