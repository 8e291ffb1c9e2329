"""Bearer tokens at the APIs of the tenant (RFC 6750), and who presents them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stateful_oauth.emulator.tokens import verify_own

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

Flaw = Literal["missing", "malformed", "invalid", "expired"]


class BadToken(Exception):
    """There is no token that is good for the API; ``flaw`` says why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw: Flaw = flaw


@dataclass(frozen=True)
class Caller:
    """Who calls an API."""

    client_id: str
    user_id: str | None
    """None for a client that calls for itself."""
    scopes: frozenset[str]
    organization_id: str | None = None


def caller_of(tenant: TenantState, call: Call, audience: str) -> Caller:
    """Return who presents a token of the audience, or raise ``BadToken``."""
    header = call.request.headers.get("Authorization")
    if header is None:
        raise BadToken("missing")
    kind, _, value = header.partition(" ")
    if kind.lower() != "bearer" or not value.strip():
        raise BadToken("malformed")
    claims = verify_own(tenant, value.strip())
    # An ID token has no azp.
    if claims is None or "azp" not in claims:
        raise BadToken("invalid")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise BadToken("invalid")
    if claims.get("exp", 0) <= tenant.clock.now():
        raise BadToken("expired")
    machine = claims.get("gty") == "client-credentials"
    return Caller(
        str(claims["azp"]),
        None if machine else str(claims["sub"]),
        frozenset(str(claims.get("scope", "")).split()),
        claims.get("org_id"),
    )
