"""What the package listens to, so that it holds whichever view a project uses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_out
from django.db import DatabaseError, router, transaction
from django.dispatch import receiver
from stateful_oauth.django.sessions import withdraw
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger("stateful_oauth.sessions")


@receiver(user_logged_out, dispatch_uid="stateful_oauth.withdraw")
def signed_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Close the way back by an earlier callback, also when Django's own view signed the user out.

    Never fails the sign-out: Django sends this before it ends the session.
    """
    if request is None:
        return
    try:
        with transaction.atomic(using=router.db_for_write(FlowTransaction)):
            withdraw(request)
    except DatabaseError as error:
        logger.warning("earlier callbacks of this browser were not withdrawn: %s", error)
