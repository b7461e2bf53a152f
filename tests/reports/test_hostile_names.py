"""Names that would like to be markup, script, or somewhere else on the page, are text."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from millinet.frames import HISTORY, LAYERS, TRIALS
from reports import build_report
from tests.reports.generated import Plan, make_run

HOSTILE = {
    "script": "<script>window.hit=1</script>",
    "image": "<img src=x onerror=window.hit=1>",
    "quotes": "\"'`><svg onload=window.hit=1>",
    "end of data": "</script><script>window.hit=1</script><!--",
    "template": "{{ 7*7 }}{% raw %}",
    "long": "x" * 10_000,
    "right to left": "\u202e\u05d0\u05d1\u05d2 evil \u2067 run",
    "emoji": "\U0001f469\u200d\U0001f52c\U0001f600 run",
    "control": "tab\tnull-ish\x07 bell",
    "escape": "\x1b]0;owned\x07\x1b[2J\x9b31m run",
}


def _spread(run: Path, name: str) -> None:
    """Put a hostile name wherever a user's text can come from."""
    trials = TRIALS.read(run / "trials.csv")
    for column in ("architecture", "blocks", "head", "cause"):
        trials[column] = pd.array([name] * len(trials), dtype="str")
    trials["params"] = pd.array(
        [json.dumps({name: i % 3, "head": name[:9] + str(i % 2)}) for i in trials.index], dtype="str"
    )
    TRIALS.write(trials, run / "trials.csv")
    history = HISTORY.read(run / "history.csv")
    history["phase"] = pd.array([name] * len(history), dtype="str")
    HISTORY.write(history, run / "history.csv")
    layers = LAYERS.read(run / "winners/1/layers.csv")
    layers["layer"] = pd.array([name + str(i) for i in layers.index], dtype="str")
    layers["note"] = pd.array([name] * len(layers), dtype="str")
    LAYERS.write(layers, run / "winners/1/layers.csv")
    record = json.loads((run / "run.json").read_text())
    record["device"]["name"] = record["data"]["spec"] = record["space"]["name"] = name
    record["notes"], record["config"], record["phases"] = [name], {name: name}, {name: 3.0}
    record["command"] = ["millinet", "search", "--data", name]
    (run / "run.json").write_text(json.dumps(record))
    for file in ("winners/1/architecture.json", "winners/1/certificate.json"):
        content = json.loads((run / file).read_text())
        if "stages" in content:
            content["stages"][0] |= {"block": name, "options": {name: name}}
        else:
            content |= {"architecture": name, "budget": name, "device": {"name": name}}
        (run / file).write_text(json.dumps(content))


@pytest.fixture
def hostile_page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name = HOSTILE[request.param]
    run = make_run(tmp_path / "run", Plan(name=name))
    other = make_run(tmp_path / "other", Plan(name="plain", seed=2))
    _spread(run, name)
    return build_report([run, other], tmp_path / "out")


@pytest.mark.parametrize("hostile_page", HOSTILE, indirect=True)
def test_a_hostile_name_is_shown_as_text(hostile_page: Path, browser: Any) -> None:
    context = browser.new_context(offline=True, viewport={"width": 800, "height": 900})
    tab = context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(hostile_page.as_uri())

    tab.locator(".plot").first.focus()
    tab.keyboard.press("ArrowRight")
    tab.click("#more")

    assert said == []
    assert tab.evaluate("window.hit") is None
    assert tab.locator("#candidates-table tbody tr").count() > 25
    assert tab.evaluate("document.documentElement.scrollWidth") == 800
    assert tab.locator("img, iframe, object").count() == 0
    context.close()


@pytest.mark.parametrize("hostile_page", HOSTILE, indirect=True)
def test_a_hostile_name_adds_no_element(hostile_page: Path) -> None:
    page = hostile_page.read_text(encoding="utf-8")

    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "<svg onload" not in page
