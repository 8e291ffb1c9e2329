"""What the bodies of connect and complete may hold (docs/auth0-contract.md §7.1, §7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.connect_flows import ConnectAsk
from stateful_oauth.emulator.my_account import flaw, invalid
from stateful_oauth.emulator.my_account_errors import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState

    Limits = Mapping[str, tuple[int, int]]
    Flaws = list[dict[str, str]]

CONNECT: Limits = {
    "connection": (1, 128),
    "redirect_uri": (1, 2048),
    "state": (1, 4096),
    "code_challenge": (43, 128),
}
COMPLETE: Limits = {
    "auth_session": (1, 64),
    "connect_code": (1, 46),
    "redirect_uri": (1, 2048),
    "code_verifier": (43, 128),
}
AUTHORIZATION_PARAMS = frozenset(
    [
        "acr_values",
        "audience",
        "resource",
        "display",
        "id_token_hint",
        "login_hint",
        "max_age",
        "prompt",
        "ui_locales",
    ]
)
MAX_SCOPES = 100


def _texts(body: Mapping[str, Any], limits: Limits, required: set[str], others: set[str]) -> Flaws:
    flaws = [
        flaw(name, "Additional properties not allowed") for name in body if name not in {*limits, *others}
    ]
    flaws += [flaw(name, "Missing required property") for name in required if name not in body]
    for name, (shortest, longest) in limits.items():
        value = body.get(name, "x" * shortest)
        if not isinstance(value, str):
            flaws.append(flaw(name, "Must be a string"))
        elif not shortest <= len(value) <= longest:
            flaws.append(flaw(name, f"Must have {shortest} to {longest} characters"))
    return flaws


def read_connect(tenant: TenantState, client: Client | None, body: Mapping[str, Any]) -> ConnectAsk:
    """Return the valid request, or raise the 400 that names everything that is wrong."""
    others = {"code_challenge_method", "scopes", "authorization_params"}
    flaws = _texts(body, CONNECT, {"connection", "redirect_uri"}, others)
    flaws += _challenge_flaws(body) + _scope_flaws(body) + _params_flaws(body)
    if flaws:
        raise invalid(flaws)
    if client is None or body["redirect_uri"] not in client.callbacks:
        raise invalid([flaw("redirect_uri", "Not in the list of allowed callback URLs")])
    connection = tenant.people.connections.get(body["connection"])
    if connection is None or not connection.connectable or not client.allows_connection(connection.name):
        status, text = (
            tenant.settings.unknown_connection,
            "The connection is not enabled for connected accounts",
        )
        raise problem(status, text, [flaw("connection", text)])
    return ConnectAsk(
        connection,
        body["redirect_uri"],
        body.get("state"),
        body.get("code_challenge"),
        body.get("scopes"),
        body.get("authorization_params", {}).get("login_hint"),
    )


def _challenge_flaws(body: Mapping[str, Any]) -> Flaws:
    if "code_challenge" not in body and "code_challenge_method" not in body:
        return []
    if body.get("code_challenge_method") != "S256":
        return [flaw("code_challenge_method", 'Must be "S256"')]
    return [] if "code_challenge" in body else [flaw("code_challenge", "Missing required property")]


def _scope_flaws(body: Mapping[str, Any]) -> Flaws:
    scopes = body.get("scopes", ["openid"])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) and scope for scope in scopes):
        return [flaw("scopes", "Must be a list of strings")]
    if not 1 <= len(scopes) <= MAX_SCOPES:
        return [flaw("scopes", f"Must have 1 to {MAX_SCOPES} items")]
    return [flaw("scopes", "Must have unique items")] if len(set(scopes)) < len(scopes) else []


def _params_flaws(body: Mapping[str, Any]) -> Flaws:
    params = body.get("authorization_params", {})
    if not isinstance(params, dict):
        return [flaw("authorization_params", "Must be an object")]
    flaws = [
        flaw(f"authorization_params/{name}", "Additional properties not allowed")
        for name in params
        if name not in AUTHORIZATION_PARAMS
    ]
    for name, value in params.items():
        number = isinstance(value, int) and not isinstance(value, bool)
        if name in AUTHORIZATION_PARAMS and not (number if name == "max_age" else isinstance(value, str)):
            flaws.append(flaw(f"authorization_params/{name}", "Has the wrong type"))
    return flaws


@dataclass(frozen=True)
class Completion:
    """A well-formed complete request."""

    auth_session: str
    connect_code: str
    redirect_uri: str
    code_verifier: str | None = None


def read_complete(body: Mapping[str, Any]) -> Completion:
    """Return the well-formed request, or raise the 400 that names everything that is wrong."""
    flaws = _texts(body, COMPLETE, {"auth_session", "connect_code", "redirect_uri"}, set())
    if flaws:
        raise invalid(flaws)
    return Completion(**body)
