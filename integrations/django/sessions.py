"""The Django session of a browser that signed in."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from django.contrib.auth import SESSION_KEY as AUTH_USER_ID
from django.contrib.auth import load_backend, login

from stateful_oauth.integrations.django import wiring
from stateful_oauth.integrations.django.backends import backend_path
from stateful_oauth.integrations.django.browser import binding_digest, read_binding
from stateful_oauth.integrations.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.storage.encryption import UndecryptableError
from stateful_oauth.storage.grants import end_grant
from stateful_oauth.storage.sign_ins import withdraw_sign_ins

if TYPE_CHECKING:
    from django.http import HttpRequest

    from stateful_oauth.flows.outcomes import SignedIn

SESSION_KEY: Final = "stateful_oauth"


def sign_in(request: HttpRequest, outcome: SignedIn, user: Any) -> None:
    """Make the session: `login()` first, which flushes another user's; a new key always (checklist S8)."""
    if user is None:
        raise LookupError("The user of a settled sign-in must be known to who settles it.")
    before, previous = request.session.session_key, session_details(request)
    left = request.session.get(AUTH_USER_ID)
    if left is not None and left != str(user.pk):
        withdraw(request, left)
    if (grant := previous.get("grant")) and grant != outcome.session.get("grant"):
        with suppress(UndecryptableError):
            end_grant(grant, now=wiring.clock.now())  # its session ends here, and nobody else has it
    login(request, user, backend=getattr(user, "backend", None) or backend_path())
    if request.session.session_key == before:
        request.session.cycle_key()  # `login()` keeps the key of who signs in once more
    tenant = {} if outcome.tenant == DEFAULT_TENANT else {"tenant": outcome.tenant}
    request.session[SESSION_KEY] = {**outcome.session, **tenant}


def withdraw(request: HttpRequest, user_id: str) -> None:
    """Let no earlier callback in this browser sign this user in again."""
    binding = read_binding(request)
    if binding is not None:
        since = wiring.clock.now() - timedelta(seconds=conf.duplicate_grace)
        withdraw_sign_ins(user_id, binding_digest(binding), since=since)


def sign_in_again(request: HttpRequest, outcome: SignedIn) -> bool:
    """Give a second delivery of the same callback the session that the first one got.

    A browser follows the last answer that it gets. When that is not the winner's, the winner's session
    cookie is lost with it; so for a short grace every delivery signs in.

    Returns:
        False when the grace is over, when the user has signed out since, or may not sign in any more.
    """
    if request.user.is_authenticated:
        # Somebody who has signed in since is not replaced by an older callback.
        return str(request.user.pk) == outcome.user_id
    settled_at = outcome.settled_at
    if (
        not outcome.session
        or settled_at is None
        or wiring.clock.now() - settled_at > timedelta(seconds=conf.duplicate_grace)
    ):
        return False
    user = load_backend(backend_path()).get_user(cast("Any", outcome.user_id))
    if user is None or not user.is_active:
        return False
    sign_in(request, outcome, user)
    return True


def session_details(request: HttpRequest) -> dict[str, Any]:
    """Return what a sign-in left in the session: `sub` and `sid`; `grant` and `tenant` where they matter."""
    details = request.session.get(SESSION_KEY)
    return details if isinstance(details, dict) else {}
