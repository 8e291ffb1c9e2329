"""The end of a refresh token: here first, then at the provider."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError, router, transaction

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.storage.encryption import UndecryptableError
from stateful_oauth.storage.grants import end_grant
from stateful_oauth.storage.models import Grant

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.secret import Secret

logger = logging.getLogger("stateful_oauth.grants")

_TIME_LIMIT: Final = 3.0  # seconds; a request should not wait long for it


def end_and_revoke(grant_id: str, tenant: str) -> None:
    """Wipe a grant, then have the provider revoke its refresh token.

    Raises nothing: a grant that could not be ended or revoked is logged.
    """
    refresh_token = _end(grant_id)
    if refresh_token is not None:
        _revoke(grant_id, refresh_token, tenant)


def end_and_revoke_on_commit(grant_id: str, tenant: str) -> None:
    """Do the same inside a database transaction: wipe with it, and revoke once it is committed."""
    refresh_token = _end(grant_id)
    if refresh_token is not None:
        revoke = partial(_revoke, grant_id, refresh_token, tenant)
        transaction.on_commit(revoke, using=router.db_for_write(Grant))


def _end(grant_id: str) -> Secret | None:
    try:
        with transaction.atomic(using=router.db_for_write(Grant)):
            try:
                return end_grant(grant_id, now=wiring.clock.now())
            except UndecryptableError as error:
                logger.warning("the refresh token of grant %s cannot be revoked: %s", grant_id, error)
    except DatabaseError as error:
        logger.warning("grant %s was not ended: %s", grant_id, error)
    return None


def _revoke(grant_id: str, refresh_token: Secret, tenant: str) -> None:
    try:
        wiring.provider(tenant).revoke_refresh_token(refresh_token, time_limit=_TIME_LIMIT)
    except (FlowError, KeyError) as error:
        logger.warning("the refresh token of grant %s was not revoked: %s", grant_id, error)
