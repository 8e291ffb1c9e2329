"""``grant_type=refresh_token`` (docs/auth0-contract.md §4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.actions import Actions
from stateful_oauth.emulator.errors import denied_by_action, invalid_grant, oauth_error, revoked_by_action
from stateful_oauth.emulator.tokens import OIDC_SCOPES, Subject, user_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.emulator.action_api import ActionApi
    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.issued import Family, RefreshToken
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState

GRANT_TYPE = "refresh_token"
INVALID = "Unknown or invalid refresh token."
USER_GONE = "The refresh_token was generated for a user who doesn't exist anymore."


def exchange(tenant: TenantState, client: Client, params: Mapping[str, str]) -> dict[str, Any]:
    """Exchange a refresh token for fresh tokens; with rotation, for its successor too."""
    if "refresh_token" not in params:
        raise oauth_error(400, "invalid_request", "Missing required parameter: refresh_token")
    token = live_token(tenant, client, params["refresh_token"])
    family = token.family
    user = tenant.people.users[family.user_id]
    action = _action(tenant, client, token, user)
    audience, scopes = _narrowed(tenant, client, family, params)
    successor = _rotate(tenant, token) if client.rotation else None
    subject = Subject(user, client, family.sid, scopes, audience, family.organization_id, action=action)
    body, _access = user_reply(tenant, subject, successor.value if successor else None)
    tenant.ledger.record(
        "refresh_rotated" if successor else "refreshed",
        client_id=client.client_id,
        user_id=user.user_id,
        family=family.id,
        refresh_token=token.value,
        successor=None if successor is None else str(successor.generation),
        audience=audience,
    )
    return body


def _action(tenant: TenantState, client: Client, token: RefreshToken, user: User) -> ActionApi:
    """Run the tenant's Action, and refuse what it refuses."""
    action = tenant.part(Actions).run("refresh", user, client)
    if action.denial is not None:
        if client.rotation and tenant.settings.denial_spends_refresh_token:
            _rotate(tenant, token)
        raise denied_by_action(action.denial)
    if action.revocation is not None:
        if tenant.issued.end(token.family):
            about = {"client_id": client.client_id, "user_id": user.user_id, "family": token.family.id}
            tenant.ledger.record("family_revoked", reason="action", **about)
        raise revoked_by_action(action.revocation)
    return action


def live_token(tenant: TenantState, client: Client, value: str) -> RefreshToken:
    """Return the token if it may be used now by this client; a reuse kills its family."""
    token = tenant.issued.refresh.get(value)
    if token is None or token.family.client_id != client.client_id or token.family.revoked:
        raise invalid_grant(INVALID)
    family, now = token.family, tenant.clock.now()
    if now >= family.expires_at:
        raise invalid_grant(INVALID)
    user = tenant.people.users.get(family.user_id)
    if user is None or family.orphaned:
        raise invalid_grant(USER_GONE)
    if user.blocked:
        raise invalid_grant("user is blocked")
    if token.used_at is not None and not _in_leeway(token, client, now):
        _reused(tenant, token)
        raise invalid_grant(INVALID)
    return token


def _in_leeway(token: RefreshToken, client: Client, now: float) -> bool:
    previous = token.generation == token.family.generation - 1
    return previous and token.used_at is not None and now < token.used_at + client.leeway


def _reused(tenant: TenantState, token: RefreshToken) -> None:
    family = token.family
    about = {"client_id": family.client_id, "user_id": family.user_id, "family": family.id}
    tenant.ledger.record("refresh_reused", refresh_token=token.value, **about)
    tenant.issued.end(family)
    tenant.ledger.record("family_revoked", reason="refresh_reused", **about)
    tenant.ledger.record("grant_revoked", **about)


def _rotate(tenant: TenantState, token: RefreshToken) -> RefreshToken:
    if token.used_at is None:
        token.used_at = tenant.clock.now()
    return tenant.issued.add_token(token.family, token.generation + 1)


def _narrowed(
    tenant: TenantState, client: Client, family: Family, params: Mapping[str, str]
) -> tuple[str | None, Sequence[str]]:
    """Return audience and scopes of the new access token: what may not be had is left out without a word."""
    wanted = params.get("scope", "").split()
    audience = params.get("audience", family.audience)
    if audience is None or audience == family.audience or not _reachable(tenant, client, audience):
        allowed = list(family.scopes)
        audience = family.audience
    else:
        known = set(tenant.apis[audience].scopes_of_users)
        policy = [scope for scope in client.refresh_policies[audience] if scope in known]
        allowed = [scope for scope in family.scopes if scope in OIDC_SCOPES] + policy
    kept = [scope for scope in allowed if scope in wanted] if wanted else allowed
    return audience, kept or allowed


def _reachable(tenant: TenantState, client: Client, audience: str) -> bool:
    """Whether a multi-resource refresh token of the client reaches the API."""
    api = tenant.apis.get(audience)
    return (
        api is not None
        and api.refreshable
        and api.skip_consent
        and client.first_party
        and audience in client.refresh_policies
    )
