"""SQLite in a file, as a project has it: the tests' own lies in memory, where threads share one cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection


@contextmanager
def database_in_a_file(folder: Path, timeout: float = 5) -> Iterator[Path]:
    """Move the default database into a file, with what it holds, for the duration.

    The dictionary of settings is shared by the connections of all threads, so new ones open the file. Nobody
    pulls the plug during a test, so no commit waits for the disk.
    """
    here: Any = connection
    assert here.vendor == "sqlite"
    path = folder / "database.sqlite3"
    here.ensure_connection()
    memory, settings = here.connection, here.settings_dict
    name, options = settings["NAME"], settings["OPTIONS"]
    with sqlite3.connect(path) as file:
        memory.backup(file)
    file.close()
    settings["NAME"], here.connection = str(path), None
    settings["OPTIONS"] = {**options, "timeout": timeout, "init_command": "PRAGMA synchronous = OFF"}
    try:
        yield path
    finally:
        here.close()
        settings["NAME"], settings["OPTIONS"], here.connection = name, options, memory
