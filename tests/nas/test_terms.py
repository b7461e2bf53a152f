"""A worker fits a search, or is told how it differs."""

from pathlib import Path

import pytest

from millinet.errors import ConfigChangedError, ConfigError
from millinet.provenance import commit, versions
from nas.config import SearchConfig
from nas.records import TERMS
from nas.storage import open_study
from nas.terms import Terms, check_device, check_trust, check_versions, keep_terms


def terms(**changes: object) -> Terms:
    written = {
        "data": "digits",
        "data_fingerprint": "d",
        "space": "",
        "space_fingerprint": "s",
        "budget": "0.5x:resnet20",
        "limit_ms": 1.5,
        "device": {"kind": "cpu", "name": "EPYC"},
        "config": {"num_trials": 4, "objectives": ["accuracy"], "seed": 3},
        "versions": versions(),
        "commit": commit(),
    }
    return Terms.model_validate(written | changes)


def test_the_configuration_survives_the_study() -> None:
    assert terms().search_config == SearchConfig(num_trials=4, seed=3)


def test_the_same_installation_has_nothing_to_say() -> None:
    assert check_versions(terms()) == []


def test_another_torch_is_refused_and_another_pandas_noted() -> None:
    with pytest.raises(ConfigError, match=r"torch 1\.0 there"):
        check_versions(terms(versions=versions() | {"torch": "1.0"}))

    (note,) = check_versions(terms(versions=versions() | {"pandas": "1.0"}))
    assert note.startswith("pandas 1.0 there")


def test_another_device_is_refused_with_both_names() -> None:
    with pytest.raises(ConfigError, match=r"1.5 ms is for 'EPYC', this worker measures on 'H200'"):
        check_device(terms(), {"kind": "cpu", "name": "H200"})


def test_other_terms_are_refused_and_more_trials_are_not(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.db", objectives=["accuracy"], space_fingerprint="s")
    keep_terms(study, terms())

    keep_terms(study, terms(config={"num_trials": 9, "objectives": ["accuracy"], "seed": 3}))
    with pytest.raises(ConfigChangedError, match=r"budget: '0\.5x:resnet20' -> '2ms'"):
        keep_terms(study, terms(budget="2ms"))

    assert study.user_attrs[TERMS]["config"]["num_trials"] == 9


def test_proxies_decide_a_search_and_one_begun_before_there_were_any_is_without(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.db", objectives=["accuracy"], space_fingerprint="s")
    begun: dict[str, object] = {"num_trials": 4, "objectives": ["accuracy"], "seed": 3}
    keep_terms(study, terms(config=begun))

    keep_terms(study, terms(config=begun | {"proxies": ()}))
    with pytest.raises(ConfigChangedError, match=r"proxies: None -> \['zico'\]"):
        keep_terms(study, terms(config=begun | {"proxies": ("zico",)}))


def test_a_study_without_terms_cannot_be_joined(tmp_path: Path) -> None:
    study = open_study(tmp_path / "study.db", objectives=["accuracy"], space_fingerprint="s")

    with pytest.raises(ConfigError, match="has no terms to join by"):
        Terms.read(study)


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        ("not even an object", r"terms of format None, this version reads 'millinet.search/1'"),
        ({"format": "millinet.search/2"}, r"terms of format 'millinet.search/2'"),
        ({"format": "millinet.search/1", "data": 3}, r"cannot be read: data: .*; join with the version"),
    ],
)
def test_terms_of_another_version_are_refused(tmp_path: Path, found: object, complaint: str) -> None:
    study = open_study(tmp_path / "study.db", objectives=["accuracy"], space_fingerprint="s")
    study.set_user_attr(TERMS, found)

    with pytest.raises(ConfigError, match=complaint):
        Terms.read(study)


@pytest.mark.parametrize("config", [{"num_trials": 4}, {"objectives": ["accuracy"], "charm": 1}])
def test_settings_of_another_version_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="other settings than this version knows"):
        _ = terms(config=config).search_config


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": "their.module:images"}, r"data 'their\.module:images'"),
        ({"config": {"sampler": "their.module.Sampler"}}, r"sampler 'their\.module\.Sampler'"),
        ({"config": {"sampler": "optunahub:samplers/any"}}, "sampler 'optunahub:samplers/any'"),
    ],
)
def test_code_that_a_study_names_is_run_only_for_who_trusts_it(
    changes: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigError, match=rf"names code to be run here \({named}\)"):
        check_trust(terms(**changes), is_trusted=False)

    check_trust(terms(**changes), is_trusted=True)


def test_a_study_that_names_no_code_needs_no_trust() -> None:
    check_trust(terms(data="folder:/data/birds,size=64"), is_trusted=False)
