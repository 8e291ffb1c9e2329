"""``/userinfo`` (OpenID Connect Core §5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt

from stateful_oauth.emulator.answers import Answer, json_answer, text_answer
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.tokens import profile_claims, verify_access

if TYPE_CHECKING:
    from collections.abc import Collection

    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _userinfo(tenant: TenantState, call: Call) -> Answer:
    kind, _, value = call.request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not value.strip():
        return text_answer("Unauthorized", 401, [("WWW-Authenticate", 'Bearer realm="Users"')])
    found = _holder(tenant, value.strip())
    if found is None or found[0] not in tenant.people.users:
        header = (
            'Bearer realm="Users", error="invalid_token", error_description="The access token is invalid"'
        )
        return text_answer("Unauthorized", 401, [("WWW-Authenticate", header)])
    user_id, scopes = found
    claims = {"sub": user_id, **profile_claims(tenant.people.users[user_id], scopes)}
    claims |= tenant.settings.userinfo_overrides
    claims = {name: value for name, value in claims.items() if value is not None}
    if not tenant.settings.userinfo_signed:
        return json_answer(claims)
    key = tenant.keys.current()
    signed = jwt.encode(claims, key.material.private, algorithm="RS256", headers={"kid": key.kid})
    return Answer(200, [("Content-Type", "application/jwt")], signed.encode())


def _holder(tenant: TenantState, token: str) -> tuple[str, Collection[str]] | None:
    access = tenant.issued.access.get(token)
    if access is not None:
        return (access.user_id, access.scopes) if access.expires_at > tenant.clock.now() else None
    claims = verify_access(tenant, token, f"{tenant.base_url}/userinfo")
    return None if claims is None else (str(claims["sub"]), str(claims.get("scope", "")).split())


ROUTES = [Route("GET POST", "/userinfo", _userinfo)]
