"""What the Management API's endpoints share: tokens, scopes, bodies (docs/auth0-contract.md §8.0)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.bearer import BadToken, caller_of
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.management_errors import MANAGEMENT, management_error
from stateful_oauth.emulator.rate_limits import limited
from stateful_oauth.emulator.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.bearer import Caller
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

    Handler = Callable[[TenantState, Call, Caller], Answer]

MAX_USER_ID = 1024


def endpoint(methods: str, path: str, scopes: tuple[str, ...], handler: Handler) -> Route:
    """Return a route of the API that needs a token with any of the scopes."""

    def guarded(tenant: TenantState, call: Call) -> Answer:
        try:
            caller = _caller(tenant, call)
            if caller.scopes.isdisjoint(scopes):
                raise insufficient_scope(*scopes)
            return handler(tenant, call, caller)
        except Refusal as refusal:
            if tenant.settings.error_codes:
                raise
            return _without_code(refusal.answer())

    return Route(methods, path, limited("management", MANAGEMENT, guarded), MANAGEMENT)


def _without_code(answer: Answer) -> Answer:
    """Return a refusal without ``errorCode``, which Auth0 sometimes leaves out."""
    body = json.loads(answer.body)
    body.pop("errorCode", None)
    return replace(answer, body=json.dumps(body).encode())


def _check_host(tenant: TenantState, call: Call) -> None:
    """Refuse another host than the canonical domain, and a token that was got at another one."""
    host = tenant.settings.canonical_domain
    token = call.request.headers.get("Authorization", "").partition(" ")[2].strip()
    if host and {call.request.host, tenant.issued.hosts.get(token)} != {host}:
        raise BadToken("invalid")


def _caller(tenant: TenantState, call: Call) -> Caller:
    try:
        caller = caller_of(tenant, call, tenant.management_audience)
        _check_host(tenant, call)
        return caller  # noqa: TRY300 - the lines above are one question
    except BadToken as bad:
        match bad.flaw:
            case "missing":
                raise management_error(401, "Missing authentication") from bad
            case "malformed":
                raise management_error(400, "Bad HTTP authentication header format", "Bearer") from bad
            case "expired":
                message = "Expired token received for JSON Web Token validation"
                raise management_error(401, message, "invalid_token") from bad
            case "invalid":
                raise management_error(401, "Invalid token", "invalid_token") from bad


def insufficient_scope(*scopes: str) -> Refusal:
    """Return the 403 of a token that lacks every one of the scopes."""
    message = f"Insufficient scope, expected any of: {','.join(scopes)}"
    return management_error(403, message, "insufficient_scope")


def json_body(call: Call) -> dict[str, Any]:
    """Return the JSON object that was sent."""
    if call.request.mimetype != "application/json":
        raise management_error(415, "Unsupported Media Type")
    try:
        data = call.json()
    except Refusal as refusal:
        raise management_error(400, "Invalid request payload JSON format", "invalid_body") from refusal
    if not isinstance(data, dict):
        raise invalid_body("Expected type object")
    return data


def invalid_body(problem: str) -> Refusal:
    """Return the 400 of a body that breaks the endpoint's schema."""
    return management_error(400, f"Payload validation error: '{problem}'.", "invalid_body")


def user_id_of(call: Call) -> str:
    """Return the ``{id}`` of the path, checked for its form."""
    user_id = call.path["id"]
    provider, bar, identifier = user_id.partition("|")
    if not provider or not bar or not identifier or len(user_id) > MAX_USER_ID:
        message = (
            f"Path validation error: 'Object didn't pass validation for format user-id: {user_id}' "
            "on property id (The user_id of the user)."
        )
        raise management_error(400, message, "invalid_uri")
    return user_id


def query_of(call: Call, allowed: set[str]) -> dict[str, str]:
    """Return the query parameters."""
    try:
        query = call.query
    except Refusal as refusal:
        raise invalid_query(str(refusal)) from refusal
    unknown = sorted(query.keys() - allowed)
    if unknown:
        raise invalid_query(f"Additional properties not allowed: {','.join(unknown)}")
    return query


def invalid_query(problem: str) -> Refusal:
    """Return the 400 of a query that breaks the endpoint's schema."""
    return management_error(400, f"Query validation error: '{problem}'.", "invalid_query_string")


def flag_of(query: Mapping[str, str], name: str, default: bool) -> bool:
    """Return a parameter that is ``true`` or ``false``."""
    text = query.get(name, str(default).lower())
    if text not in {"true", "false"}:
        raise invalid_query(f"{name} must be true or false")
    return text == "true"


def number_of(query: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """Return a parameter that is a whole number."""
    text = query.get(name, str(default))
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not lowest <= number <= highest:
        raise invalid_query(f"{name} must be a number from {lowest} to {highest}")
    return number


def narrowed(document: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return what ``fields`` and ``include_fields`` leave of a document."""
    include = flag_of(query, "include_fields", True)
    if "fields" not in query:
        return dict(document)
    named = {name.strip() for name in query["fields"].split(",")}
    return {name: value for name, value in document.items() if (name in named) is include}
