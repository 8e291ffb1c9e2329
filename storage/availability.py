"""A database that does not answer, in the words of `flows`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, InterfaceError, OperationalError

from stateful_oauth.flows.engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNDEFINED: Final = ("42P01", "42703")  # PostgreSQL: undefined_table, undefined_column
_MISSING: Final = ("no such table", "no such column", "has no column named")  # SQLite


def is_not_migrated(error: BaseException | None) -> bool:
    """Whether an error comes from a table or column that is missing: `manage.py migrate` was not run."""
    while error is not None:
        if isinstance(error, DatabaseError):
            driver = error.__cause__
            if (
                getattr(driver, "sqlstate", None) in _UNDEFINED
                or getattr(driver, "pgcode", None) in _UNDEFINED
            ):
                return True
            if any(text in str(error) for text in _MISSING):
                return True
        error = error.__cause__ or error.__context__
    return False


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
