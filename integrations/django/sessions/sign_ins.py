"""The Django session of a browser that signed in."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user, load_backend, login
from django.contrib.auth import SESSION_KEY as AUTH_USER_ID
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.utils.crypto import constant_time_compare

from stateful_oauth.django import wiring
from stateful_oauth.django.backends import backend_path
from stateful_oauth.django.browser.binding import current_binding, keep_binding, renew_binding
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.declarations import declarations
from stateful_oauth.django.sessions.endings import may_come_back
from stateful_oauth.django.sessions.grants import end_grant
from stateful_oauth.django.sessions.registry import (
    DETAILS_KEY,
    end_registered,
    forget_registered,
    keep_registered,
    register_session,
    registered_row,
    reregister_session,
)
from stateful_oauth.django.users.claims import opened_claims
from stateful_oauth.flows.engine.errors import Mismatch, StoreUnavailable
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.flows.oauth.outcomes import Connected, SignedIn
from stateful_oauth.storage.availability import is_unavailable
from stateful_oauth.storage.grants import present_grant
from stateful_oauth.storage.sessions import session_rows
from stateful_oauth.storage.sign_ins import end_waiting_questions, unbind_open, withdraw_sign_ins

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from django.http import HttpRequest

    from stateful_oauth.flows.oauth.outcomes import Reauthenticated

SESSION_KEY: Final = DETAILS_KEY
ARRIVED_KEY: Final = "stateful_oauth_arrived"  # what the last sign-in was for, and when: `permissions`
_CSRF_SECRET: Final = ("CSRF_COOKIE", "CSRF_COOKIE_NEEDS_UPDATE")  # where Django keeps it with the request


def sign_in(request: HttpRequest, outcome: SignedIn, user: Any) -> None:
    """Make the session, always with a new key (docs/security-checklist.md S8).

    `login()` comes first, because it flushes the session of another user.
    """
    if user is None:
        raise LookupError("The user of a settled sign-in must be known to who settles it.")
    before, previous = request.session.session_key, session_details(request)
    row = registered_row(request)
    same_user = request.session.get(AUTH_USER_ID) == str(user.pk)
    same_account = same_user and previous.get("sub") == outcome.session.get("sub")
    _log_in(request, user, keeps_forms=same_user and _has_current_hash(request, user))
    # `login()` keeps the key of a user who signs in once more, and leaves none if it ended another session.
    if request.session.session_key in (before, None):
        request.session.cycle_key()
    renew_binding(request, str(user.pk))
    request.session[ARRIVED_KEY] = [outcome.asked, int(wiring.clock.now().timestamp())]
    details = without_claims(outcome.session)
    if claims := _claims_of(outcome, previous if same_account else {}):
        details["claims"] = claims
    if outcome.tenant != DEFAULT_TENANT:
        details["tenant"] = outcome.tenant
    same_tenant = previous.get("tenant", DEFAULT_TENANT) == outcome.tenant
    goes_on = same_account and same_tenant
    # A sign-in that asks for none takes none away; but it is the account's, and a user may have several.
    if goes_on and "grant" in previous:
        details.setdefault("grant", previous["grant"])
    forget_registered(row)
    register_session(request, details, user, outcome.transaction_id)
    request.session[SESSION_KEY] = details
    if "grant" in previous and previous["grant"] != details.get("grant"):
        # What another tab has under way for this account goes on with the new grant.
        end_grant(previous["grant"], successor=details.get("grant", "") if goes_on else "")
    end_questions_of_others(
        request, issuer=conf.tenant(outcome.tenant).issuer, subject=details.get("sub", "")
    )


def without_claims(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a session keeps of a sign-in, but for the claims."""
    return {name: value for name, value in details.items() if name != "claims"}


def _claims_of(outcome: SignedIn, previous: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that `KEPT_CLAIMS` names; those of before where this sign-in brings none."""
    if "claims" not in outcome.session:
        return dict(previous.get("claims", {}))
    issuer = conf.tenant(outcome.tenant).issuer
    return opened_claims(outcome.session["claims"], issuer=issuer, subject=outcome.session.get("sub", ""))


def _log_in(request: HttpRequest, user: Any, *, keeps_forms: bool) -> None:
    """Have Django sign the user in.

    Args:
        keeps_forms: Keep the CSRF secret, which `login()` replaces: the same user signs in once more, and may
            have forms of the project open in other tabs. For another user, the secret of before is void.
    """
    before = {name: request.META.get(name) for name in _CSRF_SECRET}
    login(request, user, backend=getattr(user, "backend", None) or backend_path())
    for name, value in before.items() if keeps_forms else ():
        if value is None:
            request.META.pop(name, None)
        else:
            request.META[name] = value


def _has_current_hash(request: HttpRequest, user: Any) -> bool:
    """Whether the session is of the user's password of today: `login()` flushes any other one."""
    if not hasattr(user, "get_session_auth_hash"):
        return True
    return constant_time_compare(request.session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())


def renew_sign_in(request: HttpRequest, outcome: Reauthenticated) -> None:
    """Note in the session how its user has authenticated now, and give it a new key.

    Raises:
        Mismatch: `user_changed`: the user has signed out since, or another one has signed in.
    """
    session, previous = request.session, session_details(request)
    # Read anew, because the request has had it in memory since before the provider was asked.
    stored: Any = type(session)(session.session_key)
    user: Any = get_user(cast("Any", SimpleNamespace(session=stored)))
    if str(user.pk) != outcome.user_id or previous.get("sub") != outcome.session["sub"]:
        raise Mismatch("user_changed", "The session that was to be renewed is over.")
    session.cycle_key()
    # `acr` and `amr` of before say nothing about this time.
    kept = {name: value for name, value in previous.items() if name not in ("acr", "amr", "auth_time")}
    details = {**kept, **outcome.session}
    grant = details.get("grant", "")
    if "grant" in previous and previous["grant"] != grant:
        # Without a new refresh token it is the grant of the start, and another tab may have replaced that.
        details["grant"] = grant = present_grant(grant)
        if previous["grant"] != grant:
            end_grant(previous["grant"], successor=grant)
    if not reregister_session(request, details, outcome.transaction_id):
        raise Mismatch("user_changed", "The session was ended while its user authenticated.")
    session[SESSION_KEY] = details


def end_questions_of_others(request: HttpRequest, *, issuer: str = "", subject: str = "") -> None:
    """End the questions about linking that wait in this browser, but for those of who has signed in now.

    Args:
        issuer: Of the account that has signed in; empty for a user who signed in by other means.
        subject: Its `sub`.
    """
    binding = current_binding(request)
    if binding is not None and conf.links_accounts:
        end_waiting_questions(binding.browsers, issuer=issuer, subject=subject, now=wiring.clock.now())


def forget_session(request: HttpRequest) -> None:
    """Drop what a sign-in wrote into the request before it failed, or its database transaction was lost."""
    keep_binding(request)
    session = getattr(request, "session", None)
    if session is not None and session.modified:
        request.session = type(session)(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
        request.user = AnonymousUser()


def save_session(request: HttpRequest) -> None:
    """Save now what Django's session middleware saves when the response leaves.

    The middleware has no answer for an unavailable database: it takes any failure for a session that was
    deleted meanwhile, and shows Django's bare page of a bad request. After this it saves only what has
    changed since, and sends the cookie as usual.

    Raises:
        StoreUnavailable: The database did not take it.
    """
    session: Any = getattr(request, "session", None)
    if session is None or not session.modified or session.is_empty():
        return
    save, data = session.save, deepcopy(dict(session.items()))
    try:
        save()
    except UpdateError as error:
        if is_unavailable(error.__context__):
            raise StoreUnavailable("The session could not be saved.") from error
        return  # it was deleted meanwhile, and the middleware says so

    def save_changes(must_create: bool = False) -> None:
        if must_create or dict(session.items()) != data:
            save(must_create)

    session.save = save_changes


def renew_key(request: HttpRequest, transaction: uuid.UUID | None) -> None:
    """Give the session another key, unless the user has signed out since: it must not come back by that."""
    key = request.session.session_key
    if key is not None and request.session.exists(key):
        request.session.cycle_key()
        keep_registered(request, transaction)


def withdraw(request: HttpRequest) -> None:
    """Let nothing that this browser started earlier sign in any more, whether it is over or under way.

    Transactions under way come first: one that ends meanwhile is found among the finished ones.
    """
    binding = current_binding(request)
    if binding is not None:
        since = wiring.clock.now() - timedelta(seconds=conf.duplicate_grace)
        started_since = since - timedelta(seconds=conf.attempt_lifetime)
        ends = {each.kind: each.session_states for each in declarations().values() if each.session_states}
        unbind_open(binding.browsers)
        found = withdraw_sign_ins(binding.browsers, ends, since=since, started_since=started_since)
        for _, grant in found.values():
            if grant:
                end_grant(grant)
        if found:
            # A response may be on its way still, with a session that the request to sign out does not know.
            users = {user for user, _ in found.values()}
            made = session_rows().filter(user__in=users, transaction_id__in=found)
            own = registered_row(request)  # ends anyway
            end_registered(made.exclude(pk=own) if own else made)


def sign_in_again(request: HttpRequest, outcome: SignedIn) -> bool:
    """Give a second delivery of the same callback the session that the first one got.

    A browser follows the last answer that it gets. When that is not the winner's, the winner's session
    cookie is lost with it; so for a short grace every delivery signs in.

    Returns:
        False when the grace is over, when the user has signed out since, or may not sign in any more, or
        when the user's sessions were ended since.
    """
    if request.user.is_authenticated:
        # An older callback does not replace a user who has signed in since.
        if str(request.user.pk) != outcome.user_id:
            return False
        if _is_stored(request, outcome.user_id):
            return True
        # The first delivery gave the session another key after this request had read it.
    settled_at = outcome.settled_at
    if (
        not outcome.session
        or settled_at is None
        or wiring.clock.now() - settled_at > timedelta(seconds=conf.duplicate_grace)
    ):
        return False
    user = load_backend(backend_path()).get_user(cast("Any", outcome.user_id))
    if user is None or not user.is_active or not may_come_back(outcome.standing, user):
        return False
    try:
        sign_in(request, outcome, user)
    except AccountRefused:  # the provider has ended its session since
        forget_session(request)
        return False
    return True


def _is_stored(request: HttpRequest, user_id: str) -> bool:
    """Whether the session is still that of the user: read anew, because the request has it in memory."""
    stored: Any = type(request.session)(request.session.session_key)
    return bool(stored.get(AUTH_USER_ID) == user_id)


def signed_in_again(request: HttpRequest, outcome: Outcome) -> Outcome:
    """Sign this browser in, if a finished sign-in is answered once more: a step of its own before responding.

    Returns:
        The outcome, or `Rejected` with `already_completed` when `sign_in_again` says no.
    """
    if not isinstance(outcome, SignedIn) or not outcome.replayed or sign_in_again(request, outcome):
        return outcome
    if isinstance(outcome, Connected):
        return outcome  # what came of it is true without a session, too
    return Rejected(
        transaction_id=outcome.transaction_id,
        kind=outcome.kind,
        tenant=outcome.tenant,
        code="already_completed",
        next_url=outcome.next_url,
    )


def session_details(request: HttpRequest) -> dict[str, Any]:
    """Return what a sign-in left in the session: `sub`, `sid`, `auth_time`, `acr`, `amr`, `grant`, `tenant`.

    All but the first two are there only if the provider sent them, or if they matter.
    """
    details = request.session.get(SESSION_KEY)
    return details if isinstance(details, dict) else {}
