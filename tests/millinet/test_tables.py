"""Looking names up in tables, plug-ins and entry points."""

from pathlib import Path

import pytest

from millinet.errors import ConfigError, UnknownNameError
from millinet.tables import load_plugin, names, pick


def test_a_known_name_is_returned() -> None:
    assert pick("fruit", "apple", {"apple": 1}) == 1


def test_a_near_miss_names_the_nearest_and_all_known() -> None:
    with pytest.raises(
        UnknownNameError, match=r"no fruit called 'aple'; did you mean 'apple'\? known: apple, pear"
    ):
        pick("fruit", "aple", {"pear": 2, "apple": 1})


def test_a_plugin_adds_to_the_table_it_names(tmp_path: Path) -> None:
    plugin = tmp_path / "more.py"
    plugin.write_text("CRITERIA = {'noise': 7}\n")

    added = load_plugin(plugin)

    assert added == ["criteria.noise"]
    assert pick("criterion", "noise", {}, group="criteria") == 7
    assert "noise" in names({}, group="criteria")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\n", "adds nothing; it should define a dict called one of BLOCKS"),
        ("1 / 0\n", "does not run: ZeroDivisionError"),
        (None, "takes an existing Python file"),
    ],
)
def test_a_plugin_that_cannot_work_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    plugin = tmp_path / "broken.py"
    if content is not None:
        plugin.write_text(content)

    with pytest.raises(ConfigError, match=message):
        load_plugin(plugin)
