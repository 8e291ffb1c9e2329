"""Grants: the refresh tokens of sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router

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
    grants = Grant.objects.using(router.db_for_write(Grant)).filter(pk=grant_id, ended_at__isnull=True)
    sealed = grants.values_list("refresh_token", flat=True).first()
    # The condition decides between two who end it at once; it needs no transaction, and no lock before it.
    if sealed is None or not grants.filter(refresh_token=sealed).update(refresh_token=None, ended_at=now):
        return None
    return Secret(encryption.unseal(sealed, place=f"grant:{grant_id}").decode())
