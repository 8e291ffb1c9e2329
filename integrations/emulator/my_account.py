"""What the My Account endpoints share: tokens, scopes, bodies, pages of lists (docs/auth0-contract.md §7)."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.bearer import BadToken, caller_of
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.ids import base64url
from stateful_oauth.emulator.my_account_errors import MY_ACCOUNT, problem
from stateful_oauth.emulator.rate_limits import limited
from stateful_oauth.emulator.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.bearer import Caller
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

    Handler = Callable[[TenantState, Call, "UserCaller"], Answer]

DEFAULT_TAKE, MAX_TAKE = 10, 20


class UserCaller:
    """A user who calls, through an application."""

    def __init__(self, caller: Caller, user_id: str) -> None:
        self.user_id = user_id
        self.client_id = caller.client_id
        self.organization_id = caller.organization_id


def endpoint(methods: str, path: str, scope: str, handler: Handler) -> Route:
    """Return a route of the API that needs a user's token with the scope."""

    def guarded(tenant: TenantState, call: Call) -> Answer:
        return handler(tenant, call, _user(tenant, call, scope))

    return Route(methods, path, limited("my-account", MY_ACCOUNT, guarded), MY_ACCOUNT)


def _user(tenant: TenantState, call: Call, scope: str) -> UserCaller:
    try:
        caller = caller_of(tenant, call, tenant.my_account_audience)
    except BadToken as bad:
        raise problem(401, "Expired Token" if bad.flaw == "expired" else "Invalid Token") from bad
    if caller.user_id is None or caller.user_id not in tenant.people.users:
        raise problem(401, "Invalid Token")
    if scope not in caller.scopes:
        raise problem(403, f"Insufficient scope, expected: {scope}")
    return UserCaller(caller, caller.user_id)


def json_body(call: Call) -> dict[str, Any]:
    """Return the JSON object that was sent."""
    if call.request.mimetype != "application/json":
        raise problem(415, "Unsupported Media Type")
    try:
        data = call.json()
    except Refusal as refusal:
        raise problem(400, "Invalid request payload JSON format") from refusal
    if not isinstance(data, dict):
        raise problem(400, "Invalid request payload input")
    return data


def flaw(field: str, detail: str, source: str = "body") -> dict[str, str]:
    """Return one entry of ``validation_errors``."""
    place = {"pointer": f"/{field}"} if source == "body" else {}
    return {"detail": detail, "field": field, **place, "source": source}


def invalid(flaws: Sequence[dict[str, str]]) -> Refusal:
    """Return the refusal of a request that breaks the rules of its endpoint."""
    return problem(400, "Invalid request payload input", flaws)


def page_of(call: Call, others: Collection[str] = ()) -> tuple[int, int]:
    """Return after which position a page of a list starts, and how long it may be."""
    flaws = [
        flaw(name, "Unknown parameter", "query")
        for name in call.request.args
        if name not in {"from", "take", *others}
    ]
    take_text = call.request.args.get("take", str(DEFAULT_TAKE))
    take = int(take_text) if take_text.isascii() and take_text.isdigit() and len(take_text) < 6 else 0
    if not 1 <= take <= MAX_TAKE:
        flaws.append(flaw("take", f"Must be a number from 1 to {MAX_TAKE}", "query"))
    after = _position(call.request.args.get("from"))
    if after is None:
        flaws.append(flaw("from", "Invalid checkpoint", "query"))
    if flaws or after is None:
        raise invalid(flaws)
    return after, take


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return 0
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        return None
    digits = text.removeprefix("after:")
    return int(digits) if digits != text and digits.isdigit() and len(digits) < 12 else None


def cursor_after(position: int) -> str:
    """Return the ``next`` of a list, which ``from`` takes."""
    return base64url(f"after:{position}".encode())
