"""Files that are old or new, never broken."""

import os
import resource
from pathlib import Path

import pytest

from millinet.errors import RunFolderError
from millinet.files import replacing, write_text


def test_a_write_replaces_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"

    write_text(path, "one")
    write_text(path, "two")

    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_an_error_while_writing_keeps_the_old_file_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(UnicodeEncodeError), replacing(path) as partial:
        partial.write_text("half \udc80 way", encoding="utf-8")

    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    child = os.fork()
    if child == 0:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            write_text(path, "x" * 5000)
        except RunFolderError as error:
            os._exit(0 if "the old file is kept" in str(error) else 2)
        os._exit(1)

    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert status == 0
    assert path.read_text() == "old"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(RunFolderError, match="cannot write"):
        write_text(tmp_path / "taken" / "file.txt", "text")
