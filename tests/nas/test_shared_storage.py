"""One trial, one worker: who takes it, who keeps it alive, who may tell it."""

from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
import sqlalchemy.exc
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from nas.patient_storage import PatientStorage
from nas.reaper import Reaper
from nas.records import CANDIDATE, CAUSE, CONSTRAINT, RETRIES, ROW
from nas.shared_storage import NoSlotError
from nas.storage import finished, open_study, storage_of


def opened(folder: Path) -> optuna.Study:
    """Open the study as another worker would."""
    return open_study(folder / "study.db", objectives=["accuracy"], space_fingerprint="light")


def open_numbers(study: optuna.Study) -> list[int]:
    return [trial.number for trial in study.get_trials(states=(TrialState.RUNNING,))]


def test_a_trial_has_its_worker_and_its_first_heartbeat_from_the_moment_it_is_asked_for(
    tmp_path: Path,
) -> None:
    study = opened(tmp_path)
    storage = storage_of(study)

    trial = study.ask()

    (found,) = storage.open_trials(1)
    assert found.trial_id == trial._trial_id
    assert found.worker == storage.shared.worker
    assert found.beat is not None


def test_no_more_trials_are_taken_than_are_still_to_be_finished(tmp_path: Path) -> None:
    study = opened(tmp_path)
    storage_of(study).shared.num_slots = 2
    study.ask()
    study.enqueue_trial({"x": 0.5})
    study.ask()

    with pytest.raises(NoSlotError, match="all 2 trials"):
        study.ask()


def test_of_two_that_propose_the_same_the_second_is_told(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    first, second = mine.ask(), other.ask()

    assert storage_of(mine).is_first_to_propose(first._trial_id, "same")
    assert not storage_of(other).is_first_to_propose(second._trial_id, "same")
    mine.tell(first, 0.5)
    assert storage_of(other).is_first_to_propose(second._trial_id, "same")


def test_what_was_chosen_and_what_it_comes_to_are_written_together(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    trial = mine.ask()
    storage = storage_of(mine)

    with storage.shared.collecting():
        chosen = {name: trial.suggest_float(name, 0.0, 1.0) for name in "ab"}
        (before,) = other.trials
        storage.is_first_to_propose(trial._trial_id, "both")
        # As after an answer that was lost.
        storage.is_first_to_propose(trial._trial_id, "both")

    (after,) = other.trials
    assert (before.params, before.user_attrs.get(CANDIDATE)) == ({}, None)
    assert (after.params, after.user_attrs.get(CANDIDATE)) == (chosen, "both")


def test_a_result_and_what_belongs_to_it_arrive_together(tmp_path: Path) -> None:
    study = opened(tmp_path)
    trial = study.ask()
    storage_of(study).shared.stage(trial._trial_id, {ROW: {"trial": 0}})
    assert finished(opened(tmp_path)) == []

    study.tell(trial, 0.5)

    (told,) = finished(opened(tmp_path))
    assert told.user_attrs[ROW] == {"trial": 0}
    assert told.value == 0.5


def test_a_trial_given_to_another_cannot_be_told_by_the_one_that_lost_it(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    trial = mine.ask()
    (found,) = storage_of(other).open_trials(1)
    assert storage_of(other).give_up(found, {CAUSE: "lost"})

    with pytest.raises(UpdateFinishedTrialError):
        storage_of(mine).set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])


def test_a_trial_that_was_heard_of_meanwhile_is_not_given_up(tmp_path: Path) -> None:
    study = opened(tmp_path)
    study.ask()
    (found,) = storage_of(study).open_trials(1)

    assert not storage_of(study).give_up(found._replace(beat="2000-01-01 00:00:00"), {})


def test_a_lost_candidate_is_given_to_others_until_the_cap(tmp_path: Path) -> None:
    for attempt in range(3):
        lost = opened(tmp_path)
        trial = lost.ask()
        assert trial.number == attempt
        trial.suggest_float("x", 0.0, 1.0)
        other = opened(tmp_path)
        reaper = Reaper(other, storage_of(other), grace_seconds=0.0, max_retries=2)
        assert reaper.reap() == []
        assert reaper.reap() == [attempt]

    trials = opened(tmp_path).trials
    assert [trial.state for trial in trials] == [TrialState.FAIL] * 3
    assert [trial.user_attrs.get(RETRIES) for trial in trials] == [None, 1, 2]
    assert len({trial.params["x"] for trial in trials}) == 1


def test_a_candidate_given_to_another_has_no_constraint_before_it_is_measured_again(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    lost = mine.ask()
    lost.suggest_float("x", 0.0, 1.0)
    lost.set_constraint(CONSTRAINT, 0.75)
    (found,) = storage_of(other).open_trials(1)
    assert storage_of(other).give_up(found, {CAUSE: "lost"}, retry={RETRIES: 1})

    again = other.ask()
    assert again.suggest_float("x", 0.0, 1.0) == lost.params["x"]
    before = dict(other.trials[-1].constraints)
    again.set_constraint(CONSTRAINT, -0.25)
    other.tell(again, 0.5)

    assert before == {}
    assert [trial.constraints for trial in other.trials] == [{CONSTRAINT: 0.75}, {CONSTRAINT: -0.25}]


def test_a_clock_that_jumps_makes_nobody_look_dead(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    mine.ask()
    reaper = Reaper(other, storage_of(other), grace_seconds=1000.0, max_retries=2)
    assert reaper.reap() == []

    for jump in (timedelta(days=-400), timedelta(days=400)):
        with storage_of(mine).shared.engine.begin() as connection:
            moved = (datetime.now() + jump).isoformat(" ")
            connection.exec_driver_sql(f"UPDATE trial_heartbeats SET heartbeat = '{moved}'")
        assert reaper.reap() == []

    assert open_numbers(mine) == [0]


def test_silence_does_not_count_while_the_database_was_away(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    mine.ask()
    storage = storage_of(other)
    reaper = Reaper(other, storage, grace_seconds=1000.0, max_retries=2)
    answers = iter([sqlalchemy.exc.TimeoutError("away"), "back"])

    reaper.reap()
    let_pass(reaper, storage, seconds=5000.0)
    storage.keep_trying(lambda: answered(next(answers)))
    assert reaper.reap() == []

    let_pass(reaper, storage, seconds=5000.0)
    assert reaper.reap() == [0]


def test_silence_does_not_count_while_the_process_itself_was_stopped(tmp_path: Path) -> None:
    mine, other = opened(tmp_path), opened(tmp_path)
    mine.ask()
    storage = storage_of(other)
    reaper = Reaper(other, storage, grace_seconds=1000.0, max_retries=2)

    reaper.reap()
    let_pass(reaper, storage, seconds=5000.0)
    storage.note_pause(meant=10.0, took=5000.0)
    assert reaper.reap() == []

    let_pass(reaper, storage, seconds=5000.0)
    storage.note_pause(meant=10.0, took=11.0)
    assert reaper.reap() == [0]


def let_pass(reaper: Reaper, storage: PatientStorage, *, seconds: float) -> None:
    """Move what was noted into the past."""
    storage.unbroken_since -= seconds
    reaper._seen = {trial: (beat, since - seconds) for trial, (beat, since) in reaper._seen.items()}


def answered(answer: object) -> object:
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_a_request_repeated_after_a_lost_answer_finds_what_the_first_made(tmp_path: Path) -> None:
    study = opened(tmp_path)
    shared = storage_of(study).shared
    first = shared.create_new_trial(1)
    shared._ticket = storage_of(study).get_trial(first).user_attrs["ticket"][len(shared.worker.name) :]

    assert shared.create_new_trial(1) == first
    assert shared.create_new_trial(1) != first
