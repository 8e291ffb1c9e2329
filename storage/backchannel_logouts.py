"""Logout tokens of the provider: each is used once, in one database transaction with what it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, connections, router, transaction
from django.db.models import F, Q

from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.storage.models import BackchannelLogout, Identity, Session, identity_digest
from stateful_oauth.storage.sessions import session_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.db.models import QuerySet


def use_logout_token(
    *,
    tenant: str,
    issuer: str,
    subject: str,
    sid: str,
    jti: str,
    issued_at: datetime,
    expires_at: datetime,
    now: datetime,
    end: Callable[[QuerySet[Session]], Sequence[Session]],
) -> int | None:
    """End the sessions that a valid logout token names, unless it was used before.

    With a `sid`, these are the sessions of that sign-in at the provider, and those of the subject whose ID
    token had none. Without, all sessions of the subject; sign-ins from before are then outdated, too.

    Args:
        end: Ends sessions and their grants, in the same database transaction.

    Returns:
        How many sessions ended; None for a token that was used before.
    """
    alias = router.db_for_write(BackchannelLogout)
    with transaction.atomic(using=alias):
        line = BackchannelLogout(
            id=new_transaction_id(now),
            tenant=tenant,
            token_digest=identity_digest(issuer, jti),
            subject=subject,
            sid=sid,
            issued_at=issued_at,
            expires_at=expires_at,
            received_at=now,
        )
        if not _insert(line, alias):
            return None
        if subject:
            _settle_sign_ins_first(identity_digest(issuer, subject), alias, ended_at=None if sid else now)
        line.sessions = len(end(session_rows().filter(_named(tenant, subject, sid))))
        if line.sessions:
            BackchannelLogout.objects.using(alias).filter(pk=line.pk).update(sessions=line.sessions)
        return line.sessions


def provider_session_ended(tenant: str, sid: str) -> bool:
    """Whether a logout token has named this session at the provider."""
    alias = router.db_for_write(BackchannelLogout)
    return BackchannelLogout.objects.using(alias).filter(tenant=tenant, sid=sid).exists()


def purge_logouts(*, before: datetime) -> int:
    """Delete the lines of logout tokens that were received before a moment (aware); return how many."""
    alias = router.db_for_write(BackchannelLogout)
    rows = BackchannelLogout.objects.using(alias).filter(received_at__lt=before, expires_at__lt=before)
    return rows._raw_delete(alias)  # noqa: SLF001 - nothing hangs on them


def _insert(line: BackchannelLogout, alias: str) -> bool:
    try:
        with transaction.atomic(using=alias):
            line.save(using=alias, force_insert=True)
    except IntegrityError:
        return False
    return True


def _settle_sign_ins_first(digest: bytes, alias: str, *, ended_at: datetime | None) -> None:
    """Wait for a sign-in of this identity that is being settled, so that its session is found.

    One that comes later finds the line, or the ending. Of two tokens for one user, the second waits as well.
    """
    rows = Identity.objects.using(alias).filter(digest=digest)
    if ended_at is not None:
        rows.update(sessions_ended_at=ended_at, session_generation=F("session_generation") + 1)
        return
    no_key = connections[alias].features.has_select_for_no_key_update
    list(rows.select_for_update(no_key=no_key).values_list("pk"))


def _named(tenant: str, subject: str, sid: str) -> Q:
    if not sid:
        return Q(tenant=tenant, subject=subject)
    named = Q(tenant=tenant, sid=sid)
    return named | Q(tenant=tenant, subject=subject, sid="") if subject else named
