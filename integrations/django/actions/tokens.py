"""Access tokens of users: for a view by its request, and for work in the background by user or grant.

The functions raise `FlowError` with a code whose text says what the user can do (`docs/error-codes.md`), and
with the flow that does it: `error.remedy`, or None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.remedies import with_remedy
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.sessions import accounts
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.storage.grants import newest_grant_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from stateful_oauth.flows.oauth.accounts import ProviderToken
    from stateful_oauth.flows.oauth.grants import AccessToken

_TIME_LIMIT: Final = 10.0  # seconds, for all calls of one function


@with_remedy
def access_token(
    request: HttpRequest | None = None,
    *,
    user: Any = None,
    grant: str = "",
    audience: str = "",
    scope: str | Iterable[str] = "",
    tenant: str = DEFAULT_TENANT,
) -> AccessToken:
    """Return an access token of a user for an API, kept or refreshed.

    Name the user by exactly one of `request`, `user` and `grant`. Without a request, for instance in a task,
    the user's newest grant of the tenant is used, or the grant that you name. It has to be alive: a sign-out
    ends the grant of its session.

    Args:
        request: The request of a user who is signed in.
        user: A user of the site, for work in the background.
        grant: The id of a grant: `current_sign_in(request).grant`, kept for work in the background.
        audience: The API's identifier, or an empty string for the one of the sign-in.
        scope: What is needed: texts, or one text with spaces. An empty one means what `API_SCOPES` names for
            the audience, or all that was granted.
        tenant: The tenant's alias; for `user` only.

    Raises:
        FlowError: `grant_missing` (sign in with `offline_access` in SCOPE), `grant_dead`, `refresh_lost`,
            `step_up_required`, `account_inactive`, `audience_not_granted`, `scope_not_granted`,
            `grant_in_use`, or what became of the call.
        TypeError: Not exactly one of `request`, `user` and `grant` is given.
    """
    asked = scope if isinstance(scope, str) else " ".join(scope)
    found, alias = _grant(request, user, grant, tenant)
    if not asked and audience:
        named: str | Iterable[str] = conf.tenant(alias).api_scopes.get(audience, "")
        asked = named if isinstance(named, str) else " ".join(named)
    return wiring.access_tokens().access_token(found, audience=audience, scope=asked, time_limit=_TIME_LIMIT)


@with_remedy
def provider_token(
    request: HttpRequest | None = None,
    connection: str = "",
    *,
    user: Any = None,
    grant: str = "",
    login_hint: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> ProviderToken:
    """Return an access token of the identity provider behind a connected account (Token Vault).

    Args:
        request: As for `access_token`, and likewise `user`, `grant` and `tenant`.
        connection: The connection's name.
        login_hint: The provider's user id or email, when the user has several accounts of the connection.

    Raises:
        FlowError: `account_not_connected`, `connected_account_unknown`, `grant_missing`, `grant_dead`,
            `step_up_required`, `account_inactive`, `token_vault_refused`, or what became of the call.
        TypeError: Not exactly one of `request`, `user` and `grant` is given, or no connection.
    """
    if not connection:
        raise TypeError("Name the connection.")
    found, _ = _grant(request, user, grant, tenant)
    return wiring.access_tokens().provider_token(
        found, connection=connection, login_hint=login_hint, time_limit=_TIME_LIMIT
    )


def _grant(request: HttpRequest | None, user: Any, grant: str, tenant: str) -> tuple[str | None, str]:
    """Return the id of the grant that is meant, and the alias of its tenant."""
    if (request is not None) + (user is not None) + bool(grant) != 1:
        raise TypeError("Name the user by one of request, user and grant.")
    if request is not None:
        return accounts.grant_of_session(request)
    if grant:
        return grant, tenant
    if not user.is_active:
        raise ServiceRefused("account_inactive", "The user is not active.")
    return newest_grant_of(user.pk, conf.tenant(tenant).alias), tenant


refresh_connected_accounts = with_remedy(accounts.refresh_connected_accounts)
available_connections = with_remedy(accounts.available_connections)
aaccess_token = async_twin(access_token)
aprovider_token = async_twin(provider_token)
arefresh_connected_accounts = async_twin(refresh_connected_accounts)
aavailable_connections = async_twin(available_connections)
