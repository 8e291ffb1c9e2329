"""Access tokens that clients send to an API of the site: verified, and nothing more.

No session is read or written, and no row is read unless the caller asks for the token's user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import AccessTokenRejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stateful_oauth.auth0.access_token import VerifiedAccessToken


def verify_access_token(
    token: Secret | str,
    *,
    audience: str = "",
    scopes: str | Iterable[str] = (),
    permissions: str | Iterable[str] = (),
    organization: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> VerifiedAccessToken:
    """Check an access token that a client sent to an API of yours, and return what it grants.

    The token is a JWT of the profile of RFC 9068, or of Auth0's own dialect. This calls the provider only if
    its keys are not known yet, and for an unknown key at most every 30 seconds.

    Args:
        token: As it stands behind `Bearer`.
        audience: The API's identifier; by default API_AUDIENCE of the settings.
        scopes: All of these must be granted: texts, or one text with spaces.
        permissions: All of these must be in Auth0's `permissions` (RBAC).
        organization: The Auth0 organization that the token must be for: an id (`org_…`) or a name.
        tenant: The tenant's alias in the settings.

    Raises:
        AccessTokenRejected: A rule is broken. Its code says which: `access_token_expired`,
            `access_token_audience`, `access_token_scope` and so on (docs/error-codes.md).
        FlowError: `keys_unavailable`: the provider's keys could not be read.
        ImproperlyConfigured: There is no audience, or it is the client id, for which ID tokens are.
        KeyError: There is no such tenant.
    """
    from stateful_oauth.auth0.access_token import AccessTokenExpectation  # noqa: PLC0415 - lazy on purpose

    sent = Secret(token) if isinstance(token, str) else token
    del token  # error reports show the variables of frames
    expected = AccessTokenExpectation(
        audience=audience_of(audience, tenant),
        scopes=names_in(scopes),
        permissions=names_in(permissions),
        organization=organization,
    )
    return wiring.provider(tenant).verify_access_token(sent, expected, now=wiring.clock.now())


averify_access_token = async_twin(verify_access_token)


def audience_of(audience: str, tenant: str) -> str:
    """Return the API's identifier, from the call or the settings.

    Raises:
        ImproperlyConfigured: There is none, or it is the client id.
        KeyError: There is no such tenant.
    """
    chosen = conf.tenant(tenant)
    wanted: str = audience or chosen.api_audience
    if not wanted:
        raise ImproperlyConfigured("Name the audience, or set STATEFUL_OAUTH['API_AUDIENCE'].")
    if wanted == chosen.client_id:
        raise ImproperlyConfigured("The audience of an API must not be CLIENT_ID: ID tokens are for it.")
    return wanted


def names_in(value: str | Iterable[str]) -> frozenset[str]:
    """Return the names in a text with spaces, or in several texts."""
    return frozenset(value.split() if isinstance(value, str) else value)


def user_of(token: VerifiedAccessToken) -> Any:
    """Return the site's user of a token: the one who signed in here with its issuer and `sub`.

    Raises:
        AccessTokenRejected: `access_token_user`: there is none, the user is not active or has ended all
            sessions since the token was issued, or the token is of an application and of no user.
    """
    from stateful_oauth.storage.identities import user_of_subject  # noqa: PLC0415 - needs the app registry

    user: Any = None if token.is_machine else user_of_subject(token.issuer, token.subject, at=token.issued_at)
    if user is None or not user.is_active:
        raise AccessTokenRejected("access_token_user")
    return user
