"""A storage that cannot be used says so in one line, and what it held stays as it was."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import psycopg
import pytest
from optuna.storages import RDBStorage

from millinet.errors import MillinetError, StorageError
from nas.patience import Patience
from tests.faults.light import CALM, Job, check
from tests.faults.postgres import PASSWORD, Server, running_server
from tests.faults.program import run_here


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture
def job(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Job:
    """A search in a database of its own."""
    name = f"test_{abs(hash(request.node.name))}"
    run_sql(server.url, f"CREATE DATABASE {name}")
    return Job(
        place=server.url.replace("/postgres", f"/{name}"),
        folder=tmp_path,
        num_trials=20,
        conditions=replace(CALM, patience=Patience(seconds=5.0)),
    )


def run_sql(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement.encode())


def complaint(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command ends with."""
    assert run_here(words) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_wrong_password_is_refused_at_once_and_not_shown(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(["worker", "--storage", server.url.replace(PASSWORD, "0ther-Pa55")], capsys)

    assert "password authentication failed" in line
    assert "0ther-Pa55" not in line


def test_a_host_that_does_not_exist_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(["worker", "--storage", "postgresql://me:s3cret@no-such-host.invalid/trials"], capsys)

    assert "no-such-host.invalid" in line
    assert "s3cret" not in line


def test_a_study_of_another_program_is_neither_joined_nor_continued(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = RDBStorage(str(job.place))
    study = optuna.create_study(storage=theirs, study_name="foreign")
    study.tell(study.ask({}), 1.0)

    line = complaint(["worker", "--storage", str(job.place), "--study", "foreign"], capsys)
    assert "study 'foreign' has no terms to join by" in line
    with pytest.raises(MillinetError, match="'foreign' that another program made"):
        replace(job, name="foreign").trials()

    assert study.user_attrs == {}
    theirs.remove_session()
    theirs.engine.dispose()


def test_tables_of_another_program_are_left_alone(job: Job) -> None:
    run_sql(str(job.place), "CREATE TABLE trials (id integer)")

    with pytest.raises(MillinetError, match=r"has tables of another program \(trials\)"):
        job.trials()

    with pytest.raises(psycopg.errors.UndefinedTable):
        run_sql(str(job.place), "SELECT * FROM studies")


def test_tables_of_another_version_are_refused_with_both_versions(job: Job) -> None:
    assert job.trials() == []
    run_sql(str(job.place), "UPDATE alembic_version SET version_num = 'v99'")

    with pytest.raises(MillinetError, match="is of another version: The runtime optuna version"):
        job.trials()


def test_a_database_that_may_only_be_read_ends_the_worker_in_one_line(job: Job) -> None:
    assert job.trials() == []
    database = str(job.place).rpartition("/")[2]
    run_sql(str(job.place), f"ALTER DATABASE {database} SET default_transaction_read_only = on")

    with pytest.raises(StorageError, match="refused a request: cannot execute INSERT in a read-only"):
        job.trials()


def test_a_full_database_ends_the_workers_and_keeps_what_was_told(job: Job) -> None:
    with job.study() as study:
        study.set_user_attr("begun", 1)
    # The server's own way to refuse, at the moment and with the code it has when its disk is full.
    run_sql(
        str(job.place),
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF (SELECT count(*) FROM trials) > 8 THEN "
        "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; "
        "END IF; RETURN NEW; END $$",
    )
    run_sql(
        str(job.place),
        "CREATE TRIGGER full_disk BEFORE INSERT ON trial_params FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    workers = [job.start() for _ in range(4)]
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [1] * 4
    assert len(job.noted("told")) > 0

    run_sql(str(job.place), "DROP TRIGGER full_disk ON trial_params")
    workers = [job.start() for _ in range(4)]
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [0] * 4
    check(job, num_lost=4)


def test_a_run_folder_on_a_full_disk_ends_the_search_in_one_line_and_is_resumed(tmp_path: Path) -> None:
    words = ["search", "--trials", "4", "--sampler", "random", "--latency-budget", "0.001ms"]
    words += ["--no-isolate", "--out", str(tmp_path / "run")]
    program = (
        "import resource, sys\n"
        "limit = int(sys.argv.pop(1))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))\n"
        "from millinet.cli import main\n"
        "main()"
    )

    full = subprocess.run(
        [sys.executable, "-c", program, "300000", *words], capture_output=True, text=True, check=False
    )
    assert full.returncode in (1, 2), full.stderr
    assert len(full.stderr.splitlines()) == 1

    # Nothing meets the budget, and that is all there is to complain of.
    assert run_here(words) == 3
    assert len((tmp_path / "run" / "trials.csv").read_text().splitlines()) == 5
