"""optuna-dashboard opens the study of a search: the same file, no export."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from nas.storage import open_study

optuna_dashboard = pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")


def _get(app: Any, path: str) -> Any:
    statuses: list[str] = []
    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    body = b"".join(app(environment, lambda status, headers, info=None: statuses.append(status)))
    assert statuses == ["200 OK"]
    return json.loads(body)


@pytest.mark.parametrize("is_pareto", [False, True])
def test_the_dashboard_shows_the_trials_of_a_study(is_pareto: bool, tmp_path: Path) -> None:
    study = open_study(
        tmp_path / "study.db",
        objectives=("accuracy", "latency") if is_pareto else ("accuracy",),
        space_fingerprint="abc",
    )
    trial = study.ask()
    width = trial.suggest_categorical("s0.width", [8, 16])
    trial.set_constraint("latency", -0.25)
    study.tell(trial, [0.9, 0.4] if is_pareto else 0.9)

    app = optuna_dashboard.wsgi(f"sqlite:///{tmp_path / 'study.db'}")
    (summary,) = _get(app, "/api/studies")["study_summaries"]
    detail = _get(app, f"/api/studies/{summary['study_id']}")

    assert summary["directions"] == (["maximize", "minimize"] if is_pareto else ["maximize"])
    (shown,) = detail["trials"]
    assert shown["values"] == ([0.9, 0.4] if is_pareto else [0.9])
    assert shown["params"][0]["param_external_value"] == str(width)
