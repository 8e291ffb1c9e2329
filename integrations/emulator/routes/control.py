"""``/_emulator/…``: the control API for tests in other processes. It is not part of Auth0.

Writes need a JSON content type and requests the tenant's own host name, so that no web page in a browser on
this machine can steer the emulator. Errors are ``{"error": "what is wrong"}`` with status 400, 404 or 415.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator import seeding
from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.faults import KINDS, Fault
from stateful_oauth.emulator.routes import Route, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

    Handler = Callable[[TenantState, Call], Answer]

_HIDDEN = {"client_secret", "password"}
_FAULT_FIELDS: dict[str, tuple[type, ...]] = {
    "endpoint": (str,),
    "kind": (str,),
    "times": (int, type(None)),
    "skip": (int,),
    "method": (str,),
    "match": (dict,),
    "effect": (bool,),
    "status": (int,),
    "delay": (int, float),
    "reset": (int, float),
    "limit": (int,),
    "location": (str,),
    "size": (int,),
    "json": (dict, list, str, int, type(None)),
    "headers": (dict,),
}


def bad(what: str, status: int = 400) -> Refusal:
    """Return a refusal of the control API."""
    return Refusal(lambda: json_answer({"error": what}, status), what)


def _guarded(handler: Handler) -> Handler:
    def guarded(tenant: TenantState, call: Call) -> Answer:
        if call.request.host not in {tenant.domain, *_loopback_names(tenant)}:
            raise bad("Wrong Host header.", 403)
        if call.request.method in {"POST", "PATCH"} and call.request.mimetype != "application/json":
            raise bad("Send application/json.", 415)
        return handler(tenant, call)

    return guarded


def _loopback_names(tenant: TenantState) -> set[str]:
    _, colon, port = tenant.domain.partition(":")
    return {f"{name}{colon}{port}" for name in ("127.0.0.1", "localhost")}


def body_of(call: Call) -> dict[str, Any]:
    """Return the JSON object that was sent."""
    data = call.json()
    if not isinstance(data, dict):
        raise bad("The body must be a JSON object.")
    return data


def shown(thing: Any) -> dict[str, Any]:
    """Return a dataclass as JSON shows it, without its secrets."""

    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, set) else value

    return {name: plain(value) for name, value in asdict(thing).items() if name not in _HIDDEN}


def collection(
    kind: str, listed: Callable[[TenantState], list[Any]], document: Callable[[Any], dict[str, Any]] = shown
) -> list[Route]:
    """Return the routes that list things of a kind of ``seeding`` and add one."""

    def show(tenant: TenantState, _call: Call) -> Answer:
        return json_answer({kind: [document(thing) for thing in listed(tenant)]})

    def add(tenant: TenantState, call: Call) -> Answer:
        try:
            return json_answer(document(seeding.add(tenant, kind, body_of(call))), 201)
        except seeding.SeedError as error:
            raise bad(str(error)) from error

    path = f"/_emulator/{kind}"
    return [control_route("GET", path, show), control_route("POST", path, add)]


def control_route(methods: str, path: str, handler: Handler) -> Route:
    """Return a route of the control API: not counted, and not for web pages."""
    return Route(methods, path, _guarded(handler), counted=False)


def _change_user(tenant: TenantState, call: Call) -> Answer:
    user = tenant.people.users.get(call.path["id"])
    if user is None:
        raise bad("No such user.", 404)
    if call.request.method == "DELETE":
        tenant.delete_user(user.user_id)
        return Answer(204)
    changes = _user_changes(call)
    for name, value in changes.items():
        setattr(user, name, value)
    if "blocked" in changes:
        tenant.block_user(user.user_id, user.blocked)
    user.updated_at = tenant.clock.now()
    tenant.index.note(user.user_id)
    return json_answer(shown(user))


def _user_changes(call: Call) -> dict[str, Any]:
    try:
        changes = seeding.check("users", body_of(call))
    except seeding.SeedError as error:
        raise bad(str(error)) from error
    fixed = {"connection", "password", "user_id", "signed_up"} & changes.keys()
    if fixed:
        raise bad(f"{', '.join(sorted(fixed))} cannot be changed.")
    return changes


def _clock(tenant: TenantState, call: Call) -> Answer:
    if call.request.method == "POST":
        data = body_of(call)
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in data.values())
        if not data or not data.keys() <= {"now", "advance"} or not numbers:
            raise bad('Send {"now": seconds since the epoch} or {"advance": seconds}.')
        if "now" in data:
            tenant.clock.set(data["now"])
        tenant.clock.advance(data.get("advance", 0))
    return json_answer({"now": tenant.clock.now(), "standing": tenant.clock.standing})


def _faults(tenant: TenantState, call: Call) -> Answer:
    if call.request.method == "DELETE":
        tenant.faults.clear()
        return Answer(204)
    if call.request.method == "POST":
        return json_answer(shown(tenant.faults.add(**_fault(body_of(call)))), 201)
    return json_answer({"faults": [shown(fault) for fault in tenant.faults.planned()]})


def _fault(data: dict[str, Any]) -> dict[str, Any]:
    for name, value in data.items():
        kinds = _FAULT_FIELDS.get(name)
        if kinds is None or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise bad(f"{name!r} cannot be {value!r}; a fault has: {', '.join(_FAULT_FIELDS)}.")
    for name in ("match", "headers"):
        if not all(isinstance(value, str) for value in data.get(name, {}).values()):
            raise bad(f"{name} must map texts to texts.")
    if "endpoint" not in data or data.get("kind") not in KINDS:
        raise bad(f"endpoint and kind are needed; kinds are: {', '.join(KINDS)}.")
    return data


def _ledger(tenant: TenantState, call: Call) -> Answer:
    where = dict(call.query)
    effect = where.pop("effect", None)
    found = tenant.ledger.entries(effect, **where)
    entries = [{"sequence": e.sequence, "at": e.at, "effect": e.effect, **e.fields} for e in found]
    return json_answer({"count": len(entries), "entries": entries})


def _requests(tenant: TenantState, _call: Call) -> Answer:
    return json_answer({"requests": dict(tenant.requests)})


def _families(tenant: TenantState, _call: Call) -> Answer:
    """List the refresh-token families that the tenant honours: a token by its SHA-256."""
    families = [
        {
            "id": family.id,
            "user_id": family.user_id,
            "client_id": family.client_id,
            "expires_at": family.expires_at,
            "tokens": [sha256(token.value.encode()).hexdigest() for token in family.tokens],
        }
        for family in tenant.issued.living(tenant.clock.now())
    ]
    return json_answer({"families": families})


def _rotate(tenant: TenantState, _call: Call) -> Answer:
    key = tenant.keys.rotate()
    return json_answer({"kid": key.kid, "published": [other.kid for other in tenant.keys.published()]})


def _revoke_keys(tenant: TenantState, _call: Call) -> Answer:
    tenant.keys.revoke_previous()
    return json_answer({"published": [key.kid for key in tenant.keys.published()]})


def _settings(tenant: TenantState, call: Call) -> Answer:
    if call.request.method == "PATCH":
        try:
            seeding.change_settings(tenant, body_of(call))
        except seeding.SeedError as error:
            raise bad(str(error)) from error
    return json_answer(asdict(tenant.settings))


def _reset(tenant: TenantState, _call: Call) -> Answer:
    tenant.reset()
    return Answer(204)


def _end_sessions(tenant: TenantState, call: Call) -> Answer:
    tenant.end_sessions(call.path["id"])
    return Answer(204)


def _overview(tenant: TenantState, _call: Call) -> Answer:
    routes = [route for found in table().exact.values() for route in found]
    routes += [route for _pattern, route in table().patterns]
    control = {f"{route.methods} {route.path}" for route in routes if not route.counted}
    return json_answer({"issuer": tenant.issuer, "control": sorted(control)})


assert {field.name for field in fields(Fault)} - {"fired", "seen"} == _FAULT_FIELDS.keys()  # noqa: S101

ROUTES = [
    control_route("GET", "/_emulator", _overview),
    *collection("users", lambda tenant: list(tenant.people.users.values())),
    *collection("clients", lambda tenant: list(tenant.clients.values())),
    *collection("connections", lambda tenant: list(tenant.people.connections.values())),
    *collection("apis", lambda tenant: list(tenant.apis.values())),
    *collection("client_grants", lambda tenant: list(tenant.client_grants.values())),
    *collection("organizations", lambda tenant: list(tenant.people.organizations.values())),
    control_route("PATCH DELETE", "/_emulator/users/{id}", _change_user),
    control_route("DELETE", "/_emulator/users/{id}/sessions", _end_sessions),
    control_route("GET POST", "/_emulator/clock", _clock),
    control_route("GET POST DELETE", "/_emulator/faults", _faults),
    control_route("GET", "/_emulator/ledger", _ledger),
    control_route("GET", "/_emulator/requests", _requests),
    control_route("GET", "/_emulator/families", _families),
    control_route("POST", "/_emulator/keys/rotate", _rotate),
    control_route("POST", "/_emulator/keys/revoke-previous", _revoke_keys),
    control_route("GET PATCH", "/_emulator/settings", _settings),
    control_route("POST", "/_emulator/reset", _reset),
]
