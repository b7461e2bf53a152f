"""The page as text: what it says, what it allows, and that it is always the same."""

import json
import re
from pathlib import Path

import pytest

from reports import build_report
from tests.reports.generated import Plan, make_run


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    runs = [
        make_run(folder / "dense"),
        make_run(folder / "sparse", Plan(name="sparse", seed=3, num_trials=60)),
    ]
    return build_report(runs, folder / "out").read_text(encoding="utf-8")


def test_the_page_opens_with_what_to_ship(page: str) -> None:
    sentence = re.search(r'class="verdict">(.*?)</p>', page)

    assert sentence is not None
    assert re.sub(r"<[^>]+>", "", sentence[1]).startswith(
        "Ship winner 1 of digits-tiny: 96.9% of test images right"
    )


def test_the_policy_allows_no_source_but_the_page(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)

    assert policy is not None
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "@import" not in page
    assert "url(" not in page


def test_every_candidate_is_in_the_data_of_the_page(page: str) -> None:
    data = re.search(r'<script type="application/json" id="candidates-data">(.*?)</script>', page)

    assert data is not None
    assert len(json.loads(data[1])["rows"]) == 24 + 60 + 2 * 4


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    first = build_report([run]).read_bytes()

    assert build_report([run]).read_bytes() == first


def test_the_recipe_of_every_training_is_printed_without_what_is_off(page: str) -> None:
    text = re.sub(r"<[^>]+>", " ", page)

    assert re.search(r"recipe, search\s+epochs 12, learning_rate 0\.1\s", text)
    assert re.search(r"recipe, final\s+epochs 30, learning_rate 0\.1, ema_decay 0\.99\s", text)
