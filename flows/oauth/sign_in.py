"""A sign-in that the provider has granted: who it is, and what is kept of the tokens.

Shared by the flows that end with one. While a decision about it is pending, the row keeps it as a secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.secret import Hidden, Secret
from stateful_oauth.flows.oauth.domain_events import GrantIssued
from stateful_oauth.flows.oauth.openid import VerifiedIdentity

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.transaction import Json
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.openid import TokenResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signed in.

    Attributes:
        refresh_token: The head of a new family, or None.
        scope: What was granted, or None when the provider left it out, which means "as asked".
    """

    identity: VerifiedIdentity
    refresh_token: Secret | None = None
    scope: str | None = None

    @classmethod
    def granted(cls, identity: VerifiedIdentity, tokens: TokenResponse) -> SignIn:
        """Return what is kept of a token response."""
        return cls(identity=identity, refresh_token=tokens.refresh_token, scope=tokens.scope)

    def to_secret(self) -> Secret:
        """Return it as a row keeps it: claims are personal, and a refresh token is a key."""
        identity, token = self.identity, self.refresh_token
        return Secret(
            json.dumps(
                {
                    "issuer": identity.issuer,
                    "subject": identity.subject,
                    "claims": dict(identity.claims),
                    "refresh_token": None if token is None else token.reveal(),
                    "scope": self.scope,
                }
            )
        )

    @classmethod
    def from_secret(cls, secret: Secret) -> SignIn:
        """Return what a row kept."""
        kept: Hidden[dict[str, Any]] = Hidden(json.loads(secret.reveal()))
        return cls(
            identity=VerifiedIdentity(
                issuer=kept.value["issuer"], subject=kept.value["subject"], claims=kept.value["claims"]
            ),
            refresh_token=Secret(kept.value["refresh_token"]) if kept.value["refresh_token"] else None,
            scope=kept.value["scope"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResolved:
    """The Django user of a sign-in.

    Attributes:
        link_checked: Whether accounts that it might be linked to were looked for.
    """

    sign_in: SignIn
    user_id: str
    link_checked: bool = False


def note_sign_in(transition: TransitionContext, resolved: AccountResolved) -> None:
    """Note who signed in, for the browser's session, and the grant if there is one."""
    sign_in, inputs = resolved.sign_in, transition.transaction.inputs
    identity = sign_in.identity
    session: dict[str, Json] = {"sub": identity.subject, "sid": identity.sid}
    # A refresh token that nobody asked for is not kept: what is not there cannot leak.
    if sign_in.refresh_token is not None and "offline_access" in inputs["scope"].split():
        grant = GrantIssued(
            id=identifiers.new_transaction_id(transition.now),
            identity=identity,
            user_id=resolved.user_id,
            refresh_token=sign_in.refresh_token,
            scope=sign_in.scope if sign_in.scope is not None else inputs["scope"],
            audience=inputs["parameters"].get("audience", ""),
        )
        transition.emit(grant)
        session["grant"] = str(grant.id)
    transition.belongs_to(resolved.user_id)
    transition.keep_result(**session)
