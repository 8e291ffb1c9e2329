"""Grants: the refresh tokens of sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from stateful_oauth.flows.secret import Secret
from stateful_oauth.storage import encryption
from stateful_oauth.storage.models import Grant

if TYPE_CHECKING:
    from datetime import datetime


def end_grant(grant_id: str, *, now: datetime) -> Secret | None:
    """Wipe a grant and return its refresh token to be revoked, or None when somebody did so before.

    Wiped first and revoked after: a token that is no longer here cannot be used by us, whatever becomes of
    the call to the provider.

    Raises:
        UndecryptableError: No key of the ring opens the token; the grant is ended all the same.
    """
    with transaction.atomic():
        grant = Grant.objects.select_for_update().filter(pk=grant_id, ended_at__isnull=True).first()
        if grant is None or grant.refresh_token is None:
            return None
        sealed, grant.refresh_token, grant.ended_at = grant.refresh_token, None, now
        grant.save(update_fields=["refresh_token", "ended_at"])
    return Secret(encryption.unseal(sealed, place=f"grant:{grant.pk}").decode())
