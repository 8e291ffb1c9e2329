"""System checks of which provider a tenant is at, and of what only Auth0 has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, get_args

from django.core.checks import CheckMessage, Error

from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.provider_profiles import AUTH0, PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import TenantSettings

# Each with the value that leaves it out.
_OF_AUTH0: Final[dict[str, Any]] = {
    "CONNECTIONS": {},
    "FEDERATED_LOGOUT": False,
    "LINKING": "off",
    "MANAGEMENT_CLIENT_ID": "",
    "MANAGEMENT_DOMAIN": "",
}


def check_provider(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    """Check `PROVIDER`, and the settings that go with it.

    Args:
        name: What messages call the tenant.
    """
    from stateful_oauth.auth0.config import (  # noqa: PLC0415 - not needed to serve
        DistributedClaims,
        ResponseMode,
        UserInfoMode,
    )

    if tenant.provider not in PROFILES:
        yield Error(
            f"{name}: PROVIDER is not one of {', '.join(PROFILES)}.",
            hint="Use generic for a provider that has no profile of its own.",
            id="stateful_oauth.E071",
        )
    elif tenant.provider != AUTH0:
        if not tenant.own_issuer:
            yield Error(
                f"{name}: PROVIDER is {tenant.provider}, but ISSUER is empty.",
                hint="DOMAIN is short for Auth0's issuer. Copy the issuer from the discovery document.",
                id="stateful_oauth.E071",
            )
        used = [key for key, off in _OF_AUTH0.items() if getattr(tenant, key.lower()) != off]
        if used:
            yield Error(
                f"{name}: {', '.join(used)} need Auth0, and PROVIDER is {tenant.provider}.",
                hint="Remove them. Connected accounts, linking, and federated sign-out are Auth0's own.",
                id="stateful_oauth.E072",
            )
    for key, choices in (
        ("USERINFO", UserInfoMode),
        ("DISTRIBUTED_CLAIMS", DistributedClaims),
        ("RESPONSE_MODE", ResponseMode),
    ):
        if getattr(tenant, key.lower()) not in get_args(choices):
            yield Error(
                f"{name}: {key} is not one of {', '.join(get_args(choices))}.",
                hint=f"See {documentation('settings')}.",
                id="stateful_oauth.E073",
            )
