"""What plots show, and which are not drawn at all."""

from pathlib import Path

import pytest

from millinet.frames import CHOICES, SEARCH
from reports import compare
from reports.choices import ranked
from reports.drawing import Text
from reports.plots import WIDE, front_plot, progress_plots
from tests.reports.generated import Plan, make_run


@pytest.mark.parametrize(("limits", "num_heights"), [((0.5, 0.505), 2), ((0.5, 0.9), 1)])
def test_labels_of_budgets_make_way_for_one_another(
    limits: tuple[float, float], num_heights: int, tmp_path: Path
) -> None:
    names = ["a", "b"]
    runs = [
        make_run(tmp_path / name, Plan(name=name, limit_ms=limit))
        for name, limit in zip(names, limits, strict=True)
    ]

    figure = front_plot(compare(runs)["candidates"], WIDE, runs=names)

    labels = [mark for mark in figure.marks if isinstance(mark, Text) and mark.text.startswith("budget")]
    assert len(labels) == 2
    assert len({label.y for label in labels}) == num_heights


def test_a_search_that_trained_nothing_has_no_plot_of_accuracy() -> None:
    search = SEARCH.frame(
        {"run": "a", "trial": number, "order": number + 1, "hypervolume": 0.0, "share_within": 0.0}
        for number in range(3)
    )

    assert progress_plots(search) == ["hypervolume", "within"]


def test_choices_that_only_stages_share_are_not_ranked() -> None:
    shared = {"run": "a", "choice": "any stage: block", "target": "latency", "importance": 0.3}
    choices = CHOICES.frame([shared, shared | {"choice": "s0.block", "target": "accuracy"}])

    assert list(ranked(choices, "accuracy").index) == ["s0.block"]
    assert ranked(choices, "latency").empty
