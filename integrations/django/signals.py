"""What the package listens to, so that it holds whichever view a project uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from stateful_oauth.integrations.django.sessions import withdraw

if TYPE_CHECKING:
    from django.http import HttpRequest


@receiver(user_logged_out, dispatch_uid="stateful_oauth.withdraw")
def signed_out(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Close the way back by an earlier callback, also when Django's own view signed the user out."""
    if request is not None and user is not None:
        withdraw(request, str(user.pk))
