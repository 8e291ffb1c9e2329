"""What a project asks about the accounts of the signed-in user: connected ones, and linked ones.

Functions here take a request, call the provider where they say so, and raise `FlowError` with a code whose
text says what the user can do (`docs/error-codes.md`).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.storage.accounts import (
    accounts_of,
    keep_in_step,
    links_of,
    was_disconnected,
    was_unlinked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpRequest

    from stateful_oauth.auth0.provider import Auth0Provider
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.accounts import ConnectionInfo
    from stateful_oauth.storage.models import AccountLink, ConnectedAccount

Answer = TypeVar("Answer")

_ACCOUNT_ID: Final = re.compile(r"cac_[A-Za-z0-9]+")  # My Account API; a form may hold anything
_READ: Final = "read:me:connected_accounts"
_TOKEN_REJECTED: Final = "my_account_token_rejected"  # noqa: S105 - an error code
_TIME_LIMIT: Final = 10.0  # seconds, for all calls of one function


def connected_accounts(request: HttpRequest) -> Sequence[ConnectedAccount]:
    """Return the user's connected accounts as they are stored here; calls no provider."""
    subject = session_details(request).get("sub")
    return list(accounts_of(_issuer(request), subject)) if subject else []


def refresh_connected_accounts(request: HttpRequest) -> Sequence[ConnectedAccount]:
    """Return the same after comparing with the provider's list, all pages of it.

    Accounts that are gone there are dropped here. Accounts that are not known here are added; they are not
    identified, so they are no evidence for linking until they are connected again.

    Raises:
        FlowError: `grant_missing`, `grant_dead`, `step_up_required`, `scope_not_granted`,
            `audience_not_granted`, or what else became of the call.
    """
    details, provider = session_details(request), _provider(request)
    before = {account.remote_id for account in connected_accounts(request)}
    listed = _at_my_account(
        request, lambda token: provider.my_account.accounts(token, time_limit=_TIME_LIMIT)
    )
    keep_in_step(provider.issuer, details["sub"], tenant=_tenant(request), before=before, listed=listed)
    return connected_accounts(request)


def available_connections(request: HttpRequest) -> Sequence[ConnectionInfo]:
    """Return the connections at which the user can connect accounts, all pages.

    Raises:
        FlowError: As `refresh_connected_accounts`.
    """
    provider = _provider(request)
    return _at_my_account(
        request, lambda token: provider.my_account.connections(token, time_limit=_TIME_LIMIT)
    )


def linked_accounts(request: HttpRequest) -> Sequence[AccountLink]:
    """Return the accounts that are linked to the user's; calls no provider."""
    subject = session_details(request).get("sub")
    return list(links_of(_issuer(request), subject)) if subject else []


def grant_of_session(request: HttpRequest) -> tuple[str | None, str]:
    """Return the id of the session's grant, or None, and the alias of its tenant.

    Raises:
        ServiceRefused: `grant_missing`: no user is signed in with the provider in this session.
    """
    _check_signed_in(request)
    return session_details(request).get("grant"), _tenant(request)


aconnected_accounts = async_twin(connected_accounts)
alinked_accounts = async_twin(linked_accounts)


def own_connected_account(request: HttpRequest, account_id: str) -> ConnectedAccount | None:
    """Return a connected account of the user by its id (`cac_…`), or None."""
    subject = session_details(request).get("sub")
    if not subject or not _ACCOUNT_ID.fullmatch(account_id):
        return None
    return accounts_of(_issuer(request), subject).filter(remote_id=account_id).first()


def own_link(request: HttpRequest, key: str) -> AccountLink | None:
    """Return a link of the user by its number, or None."""
    subject = session_details(request).get("sub")
    if not subject or not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    return links_of(_issuer(request), subject).filter(pk=key).first()


def was_own_link(request: HttpRequest, key: str) -> bool:
    """Whether the user had a link of that number, which was undone."""
    subject = session_details(request).get("sub")
    if not subject or not (key.isascii() and key.isdigit() and len(key) < 19):
        return False
    return was_unlinked(_issuer(request), subject, key)


def was_own_account(request: HttpRequest, account_id: str) -> bool:
    """Whether the user has disconnected that account a moment ago."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        return False
    since = wiring.clock.now() - timedelta(seconds=conf.duplicate_grace)
    return was_disconnected(request.user.pk, account_id, since=since)


def _at_my_account(request: HttpRequest, call: Callable[[Secret], Answer]) -> Answer:
    _check_signed_in(request)
    return wiring.access_tokens().used(
        session_details(request).get("grant"),
        call,
        audience=_provider(request).my_account.audience,
        scope=_READ,
        time_limit=_TIME_LIMIT,
        rejected=_TOKEN_REJECTED,
    )


def _check_signed_in(request: HttpRequest) -> None:
    if not session_details(request).get("sub"):
        raise ServiceRefused("grant_missing", "No user is signed in with Auth0 in this session.")
    if _tenant(request) not in conf.tenant_aliases:
        raise ServiceRefused("grant_missing", "The tenant of this session is none of the site's any more.")


def _tenant(request: HttpRequest) -> str:
    alias: str = session_details(request).get("tenant", DEFAULT_TENANT)
    return alias


def _issuer(request: HttpRequest) -> str:
    """Return the issuer of the session's tenant, or an empty text if the site no longer has that tenant."""
    alias = _tenant(request)
    return conf.tenant(alias).issuer if alias in conf.tenant_aliases else ""


def _provider(request: HttpRequest) -> Auth0Provider:
    _check_signed_in(request)
    return wiring.provider(_tenant(request))
