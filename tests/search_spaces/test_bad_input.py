"""Whatever is given as JSON or TOML, the answer is an architecture, a space, or one line why not."""

import copy
import json
import tomllib
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from millinet.errors import ConfigError
from search_spaces import Architecture, SearchSpace, network
from search_spaces.record import first_problem
from search_spaces.space import PRESETS
from search_spaces.space_record import SpaceRecord

T = TypeVar("T")
QUICK = settings(suppress_health_check=[HealthCheck.too_slow])

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**40), st.floats(allow_nan=True), st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the path of every value inside nested dicts and lists."""
    steps = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    inside = [found for step, value in steps for found in places(value, (*path, step))]
    return [*([path] if path else []), *inside]


def changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(content)
    place = result
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return result


def build_on_meta(architecture: Architecture) -> Any:
    with torch.device("meta"):
        return architecture.build()


def is_one_helpful_line(error: ConfigError) -> bool:
    return 10 < len(str(error)) < 600 and "\n" not in str(error)


ARCHITECTURE = json.loads(network("efficientnet_v2_s").to_json())
SPACE = tomllib.loads((PRESETS / "tiny.toml").read_text(encoding="utf-8"))


def outcome(make: Callable[[], T]) -> T | ConfigError:
    try:
        return make()
    except ConfigError as error:
        return error


@QUICK
@given(path=st.sampled_from(places(ARCHITECTURE)), value=values)
def test_a_changed_architecture_is_read_or_refused_in_one_line(path: tuple[Any, ...], value: Any) -> None:
    text = json.dumps(changed(ARCHITECTURE, path, value))

    found = outcome(lambda: Architecture.from_json(text))

    if isinstance(found, ConfigError):
        assert is_one_helpful_line(found)
    else:
        assert Architecture.from_json(found.to_json()) == found


@QUICK
@given(path=st.sampled_from(places(SPACE)), value=values)
def test_a_changed_space_is_read_or_refused_in_one_line(path: tuple[Any, ...], value: Any) -> None:
    content = changed(SPACE, path, value)

    found = outcome(lambda: SearchSpace(record=validated(content)))

    if isinstance(found, ConfigError):
        assert is_one_helpful_line(found)
    else:
        assert SearchSpace.from_toml(found.to_toml()).size == found.size > 0


def validated(content: Any) -> SpaceRecord:
    try:
        return SpaceRecord.model_validate(content)
    except ValidationError as error:
        raise ConfigError(first_problem(error)) from error


@QUICK
@given(text=st.text(max_size=40))
def test_any_text_is_an_architecture_or_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(text)

    assert is_one_helpful_line(caught.value)


@QUICK
@given(text=st.text(max_size=40))
def test_any_text_is_a_space_or_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_toml(text)

    assert is_one_helpful_line(caught.value)


@QUICK
@given(
    width=st.integers(1, 256),
    expand=st.integers(-1, 8),
    groups=st.integers(-1, 64),
    width_per_group=st.integers(-1, 128),
)
def test_a_bottleneck_that_passes_its_check_has_whole_groups(
    width: int, expand: int, groups: int, width_per_group: int
) -> None:
    options = {"expand": expand, "groups": groups, "width_per_group": width_per_group}
    stage = {"block": "bottleneck", "depth": 1, "width": width, "options": options}
    text = json.dumps({**ARCHITECTURE, "resolution": [8, 8], "stages": [stage]})

    found = outcome(lambda: Architecture.from_json(text))

    if isinstance(found, ConfigError):
        assert "stage 0 (bottleneck)" in str(found)
        assert "got" in str(found)
    else:
        block = build_on_meta(found).stages[0][0]
        assert block.middle.conv.groups == groups
        assert block.middle.conv.in_channels % groups == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, -0.5, 2])
def test_numbers_out_of_reach_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"must|not an architecture"):
        Architecture.from_json(json.dumps(changed(ARCHITECTURE, ("stages", 3, "options", "squeeze"), value)))
