"""The health of a head is kept with its trial."""

import json
from dataclasses import replace

import pandas as pd

from millinet.data import load_data
from millinet.frames import TRIALS
from millinet.latency import Budget, LatencyMeter
from millinet.training import RECIPES
from nas.candidate import try_candidate
from nas.config import SearchConfig
from nas.ledger import row_of
from nas.problem import Problem
from search_spaces import Architecture, Head, Stage, Stem, load_space


def architecture(head: str) -> Architecture:
    return Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=8),
        stages=(Stage(block="basic", depth=1, width=8),),
        head=Head(name=head),
    )


def test_a_trial_records_how_its_dictionary_is_used_and_nothing_where_it_has_none() -> None:
    with LatencyMeter("cpu") as meter:
        problem = Problem(
            space=load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8)),
            data=load_data("digits"),
            budget=Budget.parse("1s"),
            meter=meter,
            device="cpu",
            recipe=replace(RECIPES["quick"], epochs=1),
            config=SearchConfig(),
        )
        rows = []
        for number, head in enumerate(("sparse-coded", "dense")):
            candidate = architecture(head)
            outcome = try_candidate(candidate, problem, seed=0)
            rows.append(row_of(number, candidate, outcome, budget_ms=1000.0, started="", params={}))

    told, nothing = TRIALS.frame(rows)["health"]
    assert json.loads(told).keys() == {"head.zeros", "head.dead_atoms", "head.silent_classes"}
    assert pd.isna(nothing)
