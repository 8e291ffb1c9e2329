"""The sessions of the signed-in user: which there are, and ending them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import router, transaction

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.sessions.registry import end_registered, registered_row
from stateful_oauth.django.sessions.session_stores import living_keys
from stateful_oauth.storage.identities import note_ending
from stateful_oauth.storage.models import Session
from stateful_oauth.storage.sessions import session_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """A session of a user that began with Auth0.

    Attributes:
        id: Names the session for `end_session`. It is not the session's key, and gives no access.
        is_current: Whether it is the session of the request.
        browser: Browser and system, for example `Firefox, Linux`, or an empty string.
        tenant: The tenant's alias in the settings.
        organization: The id of the Auth0 organization (`org_…`), or an empty string.
        started_at: When the user signed in, aware.
        seen_at: When the session was last noted to be in use, aware.
    """

    id: str
    is_current: bool
    browser: str
    tenant: str
    organization: str
    started_at: datetime
    seen_at: datetime


def user_sessions(request: HttpRequest) -> Sequence[UserSession]:
    """Return the user's sessions that began with Auth0, the newest first; none without a user.

    Sessions that have expired, or that something else has deleted, are left out.
    """
    current, rows = registered_row(request), list(_own(request).order_by("-pk"))
    living = living_keys([row.session_key for row in rows if row.session_key])
    return [
        UserSession(
            id=str(row.pk),
            is_current=str(row.pk) == current,
            browser=row.user_agent,
            tenant=row.tenant,
            organization=row.organization,
            started_at=row.started_at,
            seen_at=row.seen_at,
        )
        for row in rows
        if row.session_key in living or str(row.pk) == current
    ]


def end_session(request: HttpRequest, session_id: str) -> bool:
    """End another session of the user, with its grant.

    Args:
        session_id: The `id` of a `UserSession`. That of the request's own session ends nothing: sign out.

    Returns:
        Whether there was such a session.
    """
    try:
        key = uuid.UUID(session_id)
    except ValueError:
        return False
    return bool(_end(request, _others(request).filter(pk=key)))


def end_other_sessions(request: HttpRequest) -> int:
    """End all sessions of the user but the one of the request, with their grants; return how many."""
    return _end(request, _others(request))


def _end(request: HttpRequest, rows: QuerySet[Session]) -> int:
    user = request.user
    if not user.is_authenticated:
        return 0
    with transaction.atomic(using=router.db_for_write(Session)):
        # First, because it locks the identity, which a sign-in under way holds until its session is made.
        # A callback of before that is delivered once more signs in no more.
        note_ending(user.pk, at=wiring.clock.now())
        return len(end_registered(rows))


def _own(request: HttpRequest) -> QuerySet[Session]:
    user = request.user
    return session_rows().filter(user_id=user.pk) if user.is_authenticated else session_rows().none()


def _others(request: HttpRequest) -> QuerySet[Session]:
    current, rows = registered_row(request), _own(request)
    return rows.exclude(pk=current) if current else rows


auser_sessions = async_twin(user_sessions)
aend_session = async_twin(end_session)
aend_other_sessions = async_twin(end_other_sessions)
