"""``/api/v2/users/{id}/identities``: linking and unlinking (docs/auth0-contract.md §8.5, §8.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.management import (
    endpoint,
    insufficient_scope,
    invalid_body,
    json_body,
    user_id_of,
)
from stateful_oauth.emulator.management_errors import management_error
from stateful_oauth.emulator.system_apis import CURRENT_USER_SCOPES
from stateful_oauth.emulator.tokens import verify_own
from stateful_oauth.emulator.user_documents import identity_document
from stateful_oauth.emulator.users import Users

if TYPE_CHECKING:
    from stateful_oauth.emulator.bearer import Caller
    from stateful_oauth.emulator.errors import Refusal
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

UPDATE = ("update:users", *CURRENT_USER_SCOPES)
NAMED, BY_TOKEN = {"provider", "user_id", "connection_id"}, {"link_with"}


def _identities(tenant: TenantState, user: User, status: int) -> Answer:
    numeric = tenant.settings.numeric_identity_ids
    return json_answer([identity_document(each, numeric_id=numeric) for each in user.identities], status)


def _link(tenant: TenantState, call: Call, caller: Caller) -> Answer:
    user_id, body = user_id_of(call), json_body(call)
    _check_body(body)
    _check_actor(caller, user_id, by_token="link_with" in body)
    # Before the token is looked at, so that a wrong primary is told apart from a wrong token.
    tenant.part(Users).get(user_id)
    if "link_with" in body:
        provider, identifier = _secondary(tenant, body["link_with"], caller)
        return _identities(tenant, tenant.part(Users).link(user_id, provider, identifier), 201)
    named = body["provider"], body["user_id"], body.get("connection_id")
    return _identities(tenant, tenant.part(Users).link(user_id, *named), 201)


def _check_body(body: dict[str, Any]) -> None:
    required = BY_TOKEN if "link_with" in body else {"provider", "user_id"}
    allowed = BY_TOKEN if "link_with" in body else NAMED
    missing, unknown = sorted(required - body.keys()), sorted(body.keys() - allowed)
    if missing:
        raise invalid_body(f"Missing required property: {missing[0]}")
    if unknown:
        raise invalid_body(f"Additional properties not allowed: {','.join(unknown)}")
    for name, value in body.items():
        if not isinstance(value, str) or not value:
            raise invalid_body(f"Expected type string on property {name}")


def _check_actor(caller: Caller, user_id: str, *, by_token: bool) -> None:
    """``update:users`` may act on every user; a user only on itself, and to link only with a token."""
    if "update:users" in caller.scopes:
        return
    if not by_token:
        raise insufficient_scope("update:users")
    if caller.user_id != user_id:
        raise management_error(403, "User to be acted on does not match subject in bearer token.")


def _secondary(tenant: TenantState, token: str, caller: Caller) -> tuple[str, str]:
    """Return the identity of the user whose ID token it is; it may be linked already."""
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
    except jwt.PyJWTError as error:
        raise _bad_token("link_with is not a JWT") from error
    if algorithm != "RS256":
        raise _bad_token("the alg of link_with must be RS256")
    claims = verify_own(tenant, token)
    if claims is None or "azp" in claims:
        raise _bad_token("link_with is not an ID token of this tenant")
    if claims.get("exp", 0) <= tenant.clock.now():
        raise _bad_token("link_with has expired")
    if claims.get("aud") != caller.client_id:
        raise _bad_token("the aud of link_with must be the azp of the calling token")
    subject = str(claims.get("sub"))
    for user in tenant.people.users.values():
        for identity in user.identities:
            if f"{identity.provider}|{identity.user_id}" == subject:
                return identity.provider, identity.user_id
    raise management_error(400, "Provided secondary account not found.", "invalid_body")


def _bad_token(why: str) -> Refusal:
    return management_error(400, f"Invalid token: {why}.", "invalid_body")


def _unlink(tenant: TenantState, call: Call, caller: Caller) -> Answer:
    user_id = user_id_of(call)
    _check_actor(caller, user_id, by_token=True)
    released = tenant.part(Users).unlink(user_id, call.path["provider"], call.path["user_id"])
    if released is None and tenant.settings.unlink_answer == "not_found":
        raise management_error(404, "Not Found")
    if released is None and tenant.settings.unlink_answer == "bad_request":
        raise management_error(400, "The identity is not linked.", "invalid_body")
    return _identities(tenant, tenant.part(Users).get(user_id), 200)


ROUTES = [
    endpoint("POST", "/api/v2/users/{id}/identities", UPDATE, _link),
    endpoint("DELETE", "/api/v2/users/{id}/identities/{provider}/{user_id}", UPDATE, _unlink),
]
