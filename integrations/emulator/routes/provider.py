"""``/_provider/{connection}/userinfo``: the provider's own userinfo. It is not part of Auth0.

A stand-in for Google's, GitHub's and the others' endpoints: with an access token out of Token Vault it tells
who is at the other end, in the claims of OpenID Connect Core §5.3 whatever the provider. If ``openid`` is
among the granted scopes, ``email`` and ``profile`` give email and name; if it is not, the provider does not
speak OpenID Connect and tells everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.people import PROFILE_FIELDS
from stateful_oauth.emulator.routes import Route

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount
    from stateful_oauth.emulator.wire import Call

_EMAIL_SCOPES = {"email", "https://www.googleapis.com/auth/userinfo.email"}
_EMAIL_FIELDS = {"email", "email_verified"}


def _userinfo(tenant: TenantState, call: Call) -> Answer:
    kind, _, token = call.request.headers.get("Authorization", "").partition(" ")
    row = tenant.vault.holder(token.strip()) if kind.lower() == "bearer" else None
    if row is None or row.connection != call.path["connection"]:
        return json_answer({"error": "invalid_token"}, 401, [("WWW-Authenticate", 'error="invalid_token"')])
    return json_answer({"sub": row.provider_user_id, **_claims(row)})


def _claims(row: ConnectedAccount) -> dict[str, Any]:
    scopes, profile = set(row.scopes), row.account.profile
    shown = set(PROFILE_FIELDS)
    if "openid" in scopes:
        shown = _EMAIL_FIELDS if scopes & _EMAIL_SCOPES else set()
        shown = shown | (set(PROFILE_FIELDS) - _EMAIL_FIELDS if "profile" in scopes else set())
    return {name: profile[name] for name in PROFILE_FIELDS if name in shown and profile.get(name) is not None}


ROUTES = [Route("GET", "/_provider/{connection}/userinfo", _userinfo)]
