"""A database that does not answer, in the words of `flows`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, Error, InterfaceError, InternalError, OperationalError

from stateful_oauth.flows.engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNDEFINED: Final = ("42P01", "42703")  # PostgreSQL: undefined_table, undefined_column
# PostgreSQL: invalid transaction state. A server that is read-only (a standby that is being promoted, a full
# managed disk) answers 25006 to what writes, which Django raises as `InternalError`.
_TAKES_NO_WRITES: Final = "25"
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


def is_unavailable(error: BaseException | None) -> bool:
    """Whether an error of Django's says that the database does not answer, or takes no writes."""
    if isinstance(error, InternalError):
        driver = error.__cause__
        state = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None) or ""
        return str(state).startswith(_TAKES_NO_WRITES)
    return isinstance(error, OperationalError | InterfaceError)


@contextmanager
def database_answers() -> Iterator[None]:
    """Enclose statements, or decorate a function that makes some.

    Raises:
        StoreUnavailable: The database is gone, full, read-only, locked for too long, or restarting.
    """
    try:
        yield
    except Error as error:
        if not is_unavailable(error):
            raise
        raise StoreUnavailable(type(error).__name__) from error
