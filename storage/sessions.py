"""The registry of sessions: a row comes with the sign-in, and goes with the session."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.db.models import Exists

from stateful_oauth.storage.models import BackchannelLogout, Session
from stateful_oauth.storage.statements import Table

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

BATCH: Final = 500  # sessions per database transaction of a purge


def session_rows() -> QuerySet[Session]:
    """Return all rows, of the database that is written."""
    return Session.objects.using(router.db_for_write(Session)).all()


def add_session(row: Mapping[str, Any]) -> bool:
    """Insert a row, in one statement, unless the provider has ended its session there.

    Args:
        row: A value for every column, by attribute name.

    Returns:
        False if a logout token has named this session: its sign-in came later than that.
    """
    alias = router.db_for_write(Session)
    if not row["sid"]:
        _table(alias).insert([row])
        return True
    ended = {"tenant": row["tenant"], "sid": row["sid"]}
    return _table(alias).insert_unless(row, _logouts(alias), ended)


def change_session(row_id: str, **changes: Any) -> bool:
    """Change a row; return whether there is one: without it, the session was ended."""
    rows = session_rows().filter(pk=row_id)
    if changes.get("sid"):
        ended = BackchannelLogout.objects.filter(tenant=changes["tenant"], sid=changes["sid"])
        rows = rows.filter(~Exists(ended))
    return bool(rows.update(**changes))


def drop_session(row_id: str) -> None:
    """Delete a row, because its session is over."""
    rows = session_rows().filter(pk=row_id)
    rows._raw_delete(rows.db)  # noqa: SLF001 - nothing hangs on it, and `delete` would look for that


def take_sessions(rows: QuerySet[Session], end: Callable[[Collection[str]], None]) -> Sequence[Session]:
    """Delete rows and end their sessions, in one database transaction.

    The sessions end before the commit: if that fails, they are over all the same, and a purge finds the rows.

    Args:
        rows: Which; of the database that is written.
        end: Ends sessions by their keys.

    Returns:
        The rows that were deleted.
    """
    with transaction.atomic(using=rows.db):
        # Locked, so that of two who end a session at once, the second finds no row.
        found = list(rows.order_by("pk").select_for_update())
        if found:
            _delete([row.pk for row in found], rows.db)
            end([row.session_key for row in found if row.session_key])
    return found


def purge_sessions(
    *, now: datetime, living: Callable[[Collection[str]], Mapping[str, datetime | None]], batch: int = BATCH
) -> int:
    """Delete the rows whose sessions are over; return how many.

    Only rows past the end that was noted are looked at. A session that is used may go on for longer than
    that: its row gets the new end.

    Args:
        now: Aware.
        living: Returns those of some keys whose sessions go on, each with its end, or None if the engine does
            not tell.
    """
    deleted, after = 0, None
    while True:
        rows = session_rows().filter(expires_at__lt=now)
        window = list((rows if after is None else rows.filter(pk__gt=after)).order_by("pk")[:batch])
        if not window:
            return deleted
        after = window[-1].pk
        goes_on = living([row.session_key for row in window if row.session_key])
        over = [row.pk for row in window if row.session_key not in goes_on]
        for row in window:
            end = goes_on.get(row.session_key)
            if end is not None:
                change_session(str(row.pk), expires_at=end)
        with transaction.atomic(using=rows.db):
            _delete(over, rows.db)
        deleted += len(over)


def _delete(keys: Sequence[uuid.UUID], using: str) -> None:
    for start in range(0, len(keys), BATCH):
        rows = Session.objects.using(using).filter(pk__in=keys[start : start + BATCH])
        rows._raw_delete(using)  # noqa: SLF001 - as above


@cache
def _table(alias: str) -> Table:
    return Table(Session, alias)


@cache
def _logouts(alias: str) -> Table:
    return Table(BackchannelLogout, alias)
