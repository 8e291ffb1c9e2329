"""Connections to PostgreSQL that break at a chosen moment: before a request arrives, or once it is done."""

from __future__ import annotations

import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psycopg
from django.db import connection

from tests.support.postgresql import folder_for_a_socket

Loss = Literal["the request", "the answer"]

_SOCKET = ".s.PGSQL.5432"
# PostgreSQL's protocol, "ReadyForQuery": the last message of every answer; idle, in a transaction, failed.
_ANSWER_ENDS = tuple(b"Z\x00\x00\x00\x05" + status for status in (b"I", b"T", b"E"))


class Proxy:
    """Stands between the clients and a server, and understands no more than where an answer ends.

    Args:
        server: The folder of the server's socket.
    """

    def __init__(self, server: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="stateful-oauth-proxy-", dir=folder_for_a_socket()))
        self._server = str(Path(server) / _SOCKET)
        self._loss: Loss | None = None
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / _SOCKET))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, what: Loss) -> None:
        """Let the next request, or its answer, be lost, and the connection with it."""
        self._loss = what

    def close(self) -> None:
        self._listening.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                if server in ready:
                    answer = server.recv(65536)
                    client.sendall(answer)
                    if not answer:
                        return
                if client in ready:
                    request, loss = client.recv(65536), self._loss
                    self._loss = None if request else loss
                    if not request or loss == "the request":
                        return
                    server.sendall(request)
                    if loss == "the answer":
                        answer = b""
                        while not answer.endswith(_ANSWER_ENDS):
                            answer += server.recv(65536)
                        return


@contextmanager
def through_a_proxy() -> Iterator[Proxy]:
    """Let the default database be reached through a proxy, by the connections of all threads."""
    here: Any = connection
    settings = here.settings_dict
    proxy, host = Proxy(settings["HOST"]), settings["HOST"]
    here.close()
    settings["HOST"] = str(proxy.folder)
    try:
        yield proxy
    finally:
        settings["HOST"] = host
        here.close()
        proxy.close()


def terminate_backend(host: str) -> None:
    """End the server's process for this thread's connection, from another connection, and wait until it has.

    Args:
        host: The folder of the server's socket.
    """
    here: Any = connection
    if here.connection is None:
        return
    with psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(%s, 10000)", [here.connection.info.backend_pid]
        ).fetchone()
    assert ended == (True,), f"The backend did not end: {ended}"
