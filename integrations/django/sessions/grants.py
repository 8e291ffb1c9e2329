"""The end of a session's grant: here at once, at the provider by a flow of its own (`end_grant`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError, router, transaction

from stateful_oauth.django import wiring
from stateful_oauth.storage import grants
from stateful_oauth.storage.models import Grant

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger("stateful_oauth.grants")


def end_grant(grant_id: str, *, successor: str = "") -> None:
    """Wipe a grant, and have its refresh token revoked: both in one database transaction, or in the caller's.

    The provider is not asked here: a sweep does that. Never fails the caller: a grant that could not be ended
    is logged, and lasts.

    Args:
        successor: The grant of the same account that the session has from now on, if it has one.
    """
    try:
        with transaction.atomic(using=router.db_for_write(Grant)):
            grants.end_grant(grant_id, now=wiring.clock.now(), successor=successor)
    except DatabaseError as error:
        logger.warning("grant %s was not ended: %s", grant_id, error)


def end_grants(grant_ids: Sequence[str]) -> None:
    """Wipe many grants, and have their refresh tokens revoked, in the caller's database transaction.

    Raises:
        DatabaseError: They were not ended, and neither is what the caller does with them.
    """
    grants.end_grants(grant_ids, now=wiring.clock.now())
