"""A database that does not answer, in the words of `flows`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError

from stateful_oauth.flows.engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def database_answers() -> Iterator[None]:
    """Enclose statements, or decorate a function that makes some.

    Raises:
        StoreUnavailable: The database is gone, full, locked for too long, or restarting.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreUnavailable(type(error).__name__) from error
