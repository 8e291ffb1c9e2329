"""System checks of the settings for connecting and linking accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's own name
from django.utils.functional import Promise
from stateful_oauth.django.complaints import complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import TenantSettings

_MODES: Final = ("off", "confirm", "automatic")
_MOST_TRIES: Final = 10
_LONGEST_CONNECTION: Final = 128  # characters; My Account API
_MEMBERS: Final[dict[str, tuple[type, ...]]] = {
    "title": (str, Promise),  # a promise is a text that is translated later
    "scopes": (list, tuple, set, frozenset),
    "parameters": (dict, Mapping),
}


def check_accounts(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    """Check `LINKING`, `LINKING_…` and `CONNECTIONS`.

    Args:
        name: What messages call the tenant.
    """
    yield from _linking(tenant, name)
    yield from _connections(tenant, name)


def _linking(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    mode, tries = tenant.linking, tenant.linking_tries
    if mode not in _MODES:
        yield complaint("E043", f"{name}: LINKING is not one of {', '.join(_MODES)}.", "See docs/linking.md.")
    elif mode != "off" and not tenant.management_client_id:
        yield complaint(
            "E044",
            f"{name}: LINKING is {mode}, but MANAGEMENT_CLIENT_ID is empty.",
            "Linking uses the Management API. Create a machine-to-machine application for it.",
        )
    if not isinstance(tries, int) or not 1 <= tries <= _MOST_TRIES:
        yield complaint(
            "E045", f"{name}: LINKING_TRIES is not a whole number from 1 to 10.", "The default is 3."
        )
    lists = ("LINKING_TRUSTED_CONNECTIONS", "LINKING_APP_METADATA_KEYS")
    for key in lists:
        if "" in getattr(tenant, key.lower()):
            yield complaint("E047", f"{name}: {key} has an empty name.", "Remove it.")
    if mode == "automatic" and not tenant.linking_trusted_connections:
        yield Warning(
            f"{name}: LINKING is automatic, but LINKING_TRUSTED_CONNECTIONS is empty.",
            hint="Name the connections whose verified emails may link without a question, or use `confirm`.",
            id="stateful_oauth.W011",
        )


def _connections(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    if not tenant.connections:
        return
    for connection, chosen in tenant.connections.items():
        if flaw := _flaw(connection, chosen):
            yield complaint(
                "E046",
                f"{name}: CONNECTIONS[{str(connection)[:40]!r}] {flaw}",
                'Write it like {"github": {"title": "GitHub", "scopes": ["repo"], "parameters": {}}}.',
            )
    if "offline_access" not in str(tenant.scope).split():
        yield Warning(
            f"{name}: CONNECTIONS is set, but SCOPE lacks `offline_access`.",
            hint="Add it. Without a refresh token, users cannot connect accounts.",
            id="stateful_oauth.W012",
        )
    if tenant.refresh_token_rotation:
        yield Warning(
            f"{name}: CONNECTIONS is set, but REFRESH_TOKEN_ROTATION is on.",
            hint="Token Vault identifies the account's owner, and needs rotation off, in Auth0 and here.",
            id="stateful_oauth.W013",
        )


def _flaw(connection: object, chosen: Any) -> str:
    """Return the error in an entry of `CONNECTIONS`, as the end of a sentence, or an empty string."""
    if not isinstance(connection, str) or not 0 < len(connection) <= _LONGEST_CONNECTION:
        return "is not the name of a connection. A name has 1 to 128 characters."
    if not isinstance(chosen, Mapping):
        return "is not a dict."
    if unknown := sorted(str(key) for key in chosen if key not in _MEMBERS):
        return f"has unknown keys: {', '.join(unknown)}."
    wrong = [key for key, types in _MEMBERS.items() if not isinstance(chosen.get(key, types[0]()), types)]
    return f"has {' and '.join(wrong)} of the wrong type." if wrong else _unusable(chosen)


def _unusable(chosen: Mapping[str, Any]) -> str:
    """Return which of an entry's scopes and parameters the My Account API does not accept."""
    # Not needed to serve a page, and python-statemachine takes its time to import.
    from stateful_oauth.flows.connect_account.machine import AUTHORIZATION_PARAMS  # noqa: PLC0415
    from stateful_oauth.flows.engine.errors import InvalidInput  # noqa: PLC0415
    from stateful_oauth.flows.oauth.parameters import checked_parameters, checked_scopes  # noqa: PLC0415

    try:
        checked_scopes(chosen.get("scopes", ()))
        others = checked_parameters(chosen.get("parameters", {})).keys() - AUTHORIZATION_PARAMS
    except InvalidInput as error:
        return f"cannot be sent. {error}"
    return f"has parameters that connecting does not accept: {', '.join(sorted(others))}." if others else ""
