"""``grant_type=authorization_code`` (docs/auth0-contract.md §4.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.actions import Actions
from stateful_oauth.emulator.errors import denied_by_action, invalid_grant, oauth_error, revoked_by_action
from stateful_oauth.emulator.ids import base64url, same
from stateful_oauth.emulator.issued import Code, Family
from stateful_oauth.emulator.tokens import Subject, user_reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState

GRANT_TYPE = "authorization_code"
INVALID = "Invalid authorization code"
BAD_VERIFIER = "Failed to verify code verifier"


def exchange(tenant: TenantState, client: Client, params: Mapping[str, str]) -> dict[str, Any]:
    """Exchange a code for tokens, once."""
    if "code" not in params:
        raise oauth_error(400, "invalid_request", "Missing required parameter: code")
    code = tenant.issued.codes.get(params["code"])
    if code is None or code.ask.client.client_id != client.client_id:
        raise invalid_grant(INVALID)
    if code.used:
        _reused(tenant, code)
        raise invalid_grant(INVALID)
    user = tenant.people.users.get(code.user_id)
    expired = tenant.clock.now() >= code.expires_at
    if expired or user is None or params.get("redirect_uri") != code.ask.redirect_uri:
        raise invalid_grant(INVALID)
    if not _verifier_fits(code, params.get("code_verifier")):
        code.used = True
        tenant.ledger.record("code_burnt", code=code.value, client_id=client.client_id, user_id=code.user_id)
        raise invalid_grant(BAD_VERIFIER)
    return _redeem(tenant, client, code, user)


def _verifier_fits(code: Code, verifier: str | None) -> bool:
    challenge = code.ask.code_challenge
    if challenge is None or verifier is None:
        return challenge is None and verifier is None
    if code.ask.code_challenge_method == "S256":
        verifier = base64url(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest())
    return same(verifier, challenge)


def _redeem(tenant: TenantState, client: Client, code: Code, user: User) -> dict[str, Any]:
    code.used = True
    ask, settings = code.ask, tenant.settings
    action = tenant.part(Actions).run("exchange", user, client)
    if action.denial is not None:
        raise denied_by_action(action.denial)
    if action.revocation is not None:
        raise revoked_by_action(action.revocation)
    organization_id = ask.organization.id if ask.organization else None
    refresh = None
    if "offline_access" in code.scopes or settings.refresh_without_asking:
        life = client.refresh_token_ttl or settings.refresh_token_ttl
        code.family = Family(
            client.client_id,
            user.user_id,
            code.sid,
            ask.audience,
            code.scopes,
            tenant.clock.now() + life,
            organization_id,
        )
        refresh = tenant.issued.add_family(code.family, settings.refresh_tokens_per_user).value
    subject = Subject(
        user,
        client,
        code.sid,
        code.scopes,
        ask.audience,
        organization_id,
        nonce=ask.nonce,
        auth_time=code.auth_time if ask.wants_auth_time else None,
        mfa=code.mfa,
        action=action,
    )
    body, code.access_token = user_reply(tenant, subject, refresh)
    tenant.ledger.record(
        "code_exchanged",
        code=code.value,
        client_id=client.client_id,
        user_id=user.user_id,
        sid=code.sid,
        refresh_token=refresh,
        access_token=code.access_token,
        family=code.family.id if code.family else None,
    )
    return body


def _reused(tenant: TenantState, code: Code) -> None:
    client_id = code.ask.client.client_id
    tenant.ledger.record("code_reused", code=code.value, client_id=client_id, user_id=code.user_id)
    if not tenant.settings.code_reuse_revokes:
        return
    if code.access_token is not None:
        tenant.issued.access.pop(code.access_token, None)
    if code.family is not None and tenant.issued.end(code.family):
        tenant.ledger.record(
            "family_revoked",
            client_id=client_id,
            user_id=code.user_id,
            family=code.family.id,
            reason="code_reused",
        )
