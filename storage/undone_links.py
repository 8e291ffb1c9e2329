"""Links that were undone at the provider, not by this site: noticed, recorded, and closed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from stateful_oauth.storage.models import AccountLink, Identity, identity_digest

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger("stateful_oauth.links")


def close_undone_link(
    issuer: str, subject: str, *, now: datetime, using: str, proved_at: datetime | None = None
) -> bool:
    """Close the link of an account that is apart again at the provider; its user gets the account back.

    The closed link is what keeps the accounts from being linked again without asking (rule 4 of the policy).
    The Django user that the account had before the link has it again, so that a user who is not active, or
    whose data are here, is not replaced by a new one.

    Args:
        subject: The `sub` of the secondary.
        now: Aware.
        using: The alias of the database that is written, in a transaction of the caller's.
        proved_at: When the provider was asked; only an earlier link is closed. None closes any.

    Returns:
        Whether there was such a link.
    """
    digest = identity_digest(issuer, subject)
    links = AccountLink.objects.using(using).filter(secondary_digest=digest, unlinked_at__isnull=True)
    if proved_at is not None:
        links = links.filter(linked_at__lte=proved_at)
    link = links.first()
    if link is None:
        return False
    evidence = {**link.evidence, "undone_at_provider": True}
    if not links.filter(pk=link.pk).update(unlinked_at=now, evidence=evidence):
        return False  # closed by another worker meanwhile
    logger.warning("account link %s was undone at the provider, not here: it is closed", link.pk)
    if link.secondary_user_id is not None:
        Identity.objects.using(using).get_or_create(
            digest=digest,
            defaults={
                "issuer": issuer,
                "subject": subject,
                "user_id": link.secondary_user_id,
                "email": link.email,
                "created_at": now,
                # Sign-ins from before the accounts were linked are outdated.
                "sessions_ended_at": link.linked_at,
            },
        )
    return True
