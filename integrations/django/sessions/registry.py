"""The registry of sessions, seen from a request: which row is this session's, and ending sessions by it.

A session that a sign-in made has a row (`storage/sessions.py`), and no session goes on without one:

- A sign-in inserts the row in its settle transaction. The session gets its contents after the commit.
- A session that was deleted is not saved again: Django's engines refuse that.
- Whatever gives a session another key tells the row, and if there is no row any more, ends the session.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.user_agent import user_agent_family
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.django.sessions.grants import end_grants
from stateful_oauth.django.sessions.session_stores import end_keys, registered_key
from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage import sessions
from stateful_oauth.storage.models import Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

logger = logging.getLogger("stateful_oauth.sessions")

DETAILS_KEY: Final = "stateful_oauth"  # what a sign-in leaves in the session
ROW_KEY: Final = "stateful_oauth_row"  # the row's primary key, and a digest of the session key that it has
_SALT: Final = "stateful_oauth.session_key"


def registered_row(request: HttpRequest) -> str:
    """Return the primary key of the row of the request's session, or an empty string."""
    row, _ = _noted(request.session)
    return row


def register_session(
    request: HttpRequest, details: Mapping[str, Any], user: Any, transaction: uuid.UUID | None = None
) -> None:
    """Insert the row of the request's session, which has its new key by now.

    Args:
        details: What the sign-in leaves in the session.
        user: The user who signed in.
        transaction: Which one signed the user in.

    Raises:
        AccountRefused: `sign_in_outdated`: the provider has ended its own session meanwhile, and said so.
    """
    now, session = wiring.clock.now(), request.session
    row_id = new_transaction_id(now)  # a UUIDv7, as everywhere
    row = {
        "id": row_id,
        "user_id": user.pk,
        "started_at": now,
        "user_agent": user_agent_family(request),
        "transaction_id": transaction,
        **_changing(session, details, now),
    }
    if not sessions.add_session(row):
        raise AccountRefused("sign_in_outdated", "The provider has ended the session.")
    _note(session, str(row_id))


def reregister_session(
    request: HttpRequest, details: Mapping[str, Any], transaction: uuid.UUID | None = None
) -> bool:
    """Tell the row that the session has another key, or that its sign-in has changed.

    Args:
        details: What the sign-in leaves in the session.
        transaction: Which one changed it; None where something else did.

    Returns:
        False if there is no row, because the session was ended. A session from before the registry gets one.
    """
    session, row = request.session, registered_row(request)
    if not row:
        try:
            register_session(request, details, request.user, transaction)
        except AccountRefused:
            return False
        return True
    _note(session, row)
    changes = _changing(session, details, wiring.clock.now())
    if transaction is not None:
        changes["transaction_id"] = transaction
    return sessions.change_session(row, **changes)


def keep_registered(request: HttpRequest, transaction: uuid.UUID | None = None) -> None:
    """Tell the row if something has given the session another key in this request; else, ask nothing.

    Django does so itself when a user changes the password. A session that was ended meanwhile is flushed,
    which would otherwise go on under the new key.
    """
    session = request.session
    if not hasattr(session, "_session_cache"):
        return  # not read in this request, or it could not be read: nothing gave it another key
    details = session.get(DETAILS_KEY)
    if not isinstance(details, dict) or not details.get("sub"):
        return
    row, digest = _noted(session)
    if row and digest == _digest(registered_key(session)):
        return
    if request.user.is_authenticated and not reregister_session(request, details, transaction):
        session.flush()


def forget_registered(row: str) -> None:
    """Delete the row of a session that is over, or that goes on as another one."""
    if row:
        sessions.drop_session(row)


def end_registered(rows: QuerySet[Session]) -> Sequence[Session]:
    """End sessions and their grants, in one database transaction; return the rows that they had."""
    with transaction.atomic(using=router.db_for_write(Session)):
        ended = sessions.take_sessions(rows, end_keys)
        end_grants([str(row.grant_id) for row in ended if row.grant_id is not None])
    if ended:
        logger.info("%d sessions were ended", len(ended))
    return ended


def _changing(session: Any, details: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    grant = details.get("grant")
    return {
        "session_key": registered_key(session),
        "tenant": details.get("tenant", DEFAULT_TENANT),
        "subject": details["sub"],
        "sid": details.get("sid") or "",
        "organization": details.get("organization") or "",
        "grant_id": uuid.UUID(grant) if grant else None,
        "seen_at": now,
        "expires_at": now + timedelta(seconds=session.get_expiry_age()),
    }


def _note(session: Any, row: str) -> None:
    session[ROW_KEY] = [row, _digest(registered_key(session))]


def _noted(session: Any) -> tuple[str, str]:
    noted = session.get(ROW_KEY)
    return (noted[0], noted[1]) if isinstance(noted, list) and len(noted) == 2 else ("", "")


def _digest(key: str) -> str:
    return keyed_digest(_SALT, key).hex()
