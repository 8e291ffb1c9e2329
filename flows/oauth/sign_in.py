"""A sign-in that the provider has granted: who it is, and what is kept of the tokens.

Shared by the flows that end with one. While a decision about it is pending, the row keeps it as a secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.secret import Hidden, Secret
from stateful_oauth.flows.oauth.domain_events import GrantIssued
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.flows.oauth.inputs import AuthorizationInputs
from stateful_oauth.flows.oauth.openid import VerifiedIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.transaction import Json, Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.openid import TokenResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Who signed in.

    Attributes:
        refresh_token: The head of a new family, or None.
        scope: What was granted, or None when the provider left it out, which means "as asked".
        id_token: For the sign-out, where the provider wants it then; otherwise None.
    """

    identity: VerifiedIdentity
    refresh_token: Secret | None = None
    scope: str | None = None
    id_token: Secret | None = None

    @classmethod
    def granted(cls, identity: VerifiedIdentity, tokens: TokenResponse, *, at: datetime) -> SignIn:
        """Return what is kept of a token response.

        Args:
            at: When the request for it was sent.
        """
        identity = replace(identity, obtained_at=at)
        return cls(
            identity=identity,
            refresh_token=tokens.refresh_token,
            scope=tokens.scope,
            id_token=tokens.id_token,
        )

    def held(self, standing: str) -> SignIn:
        """Return it as it is kept for a later decision."""
        return replace(self, identity=replace(self.identity, standing=standing))

    def held_until(self, seconds: float) -> str:
        """Return until when it may be kept, in ISO 8601: `seconds` from the exchange."""
        at = self.identity.obtained_at
        return "" if at is None else (at + timedelta(seconds=seconds)).isoformat()

    def to_secret(self) -> Secret:
        """Return it as a row keeps it: claims are personal, and a refresh token is a key."""
        identity, token = self.identity, self.refresh_token
        return Secret(
            json.dumps(
                {
                    "issuer": identity.issuer,
                    "subject": identity.subject,
                    "claims": dict(identity.claims),
                    "obtained_at": identity.obtained_at and identity.obtained_at.isoformat(),
                    "standing": identity.standing,
                    "refresh_token": None if token is None else token.reveal(),
                    "scope": self.scope,
                    **({"id_token": self.id_token.reveal()} if self.id_token else {}),
                }
            )
        )

    @classmethod
    def from_secret(cls, secret: Secret) -> SignIn:
        """Return what a row kept."""
        kept: Hidden[dict[str, Any]] = Hidden(json.loads(secret.reveal()))
        return cls(
            identity=VerifiedIdentity(
                issuer=kept.value["issuer"],
                subject=kept.value["subject"],
                claims=kept.value["claims"],
                obtained_at=moment_of(kept.value.get("obtained_at")),
                standing=kept.value.get("standing"),
            ),
            refresh_token=Secret(kept.value["refresh_token"]) if kept.value["refresh_token"] else None,
            scope=kept.value["scope"],
            id_token=Secret(kept.value["id_token"]) if "id_token" in kept.value else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownUser:
    """The Django user of an identity.

    Attributes:
        id: The primary key, as text.
        standing: A keyed digest of what ends the user's sessions: see `Caller.standing_of`.
        kept_claims: The claims that the session keeps, sealed; an empty string where it keeps none.
        note: What the log is to say of the user: one line, or an empty string.
    """

    id: str
    standing: str
    kept_claims: str = field(default="", repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountResolved:
    """The Django user of a sign-in.

    Attributes:
        link_checked: Whether accounts that it might be linked to were looked for.
        id_token_hint: The ID token as the session keeps it, encrypted, or an empty string.
    """

    sign_in: SignIn
    user: KnownUser
    link_checked: bool = False
    id_token_hint: str = ""


def check_may_finish(transaction: Transaction, held_until: str, *, now: datetime) -> None:
    """Check that a sign-in may still end with a session.

    Args:
        held_until: As `SignIn.held_until` gave it; an empty string for one that was not kept.

    Raises:
        AccountRefused: `signed_out`: the user has signed out in this browser since. `sign_in_held_too_long`:
            the claims are older than the project lets a sign-in wait.
    """
    if transaction.is_unbound:
        raise AccountRefused("signed_out", "The user has signed out in this browser meanwhile.")
    until = moment_of(held_until)
    if until is not None and until <= now:
        raise AccountRefused("sign_in_held_too_long", "The sign-in waited for too long.")


def moment_of(kept: str | None) -> datetime | None:
    """Return the moment that a row keeps in ISO 8601, or None."""
    return datetime.fromisoformat(kept) if kept else None


# What a result holds for the session, beside what else came of the flow.
_SESSION: Final = (
    *("sub", "sid", "grant", "auth_time", "acr", "amr", "organization", "claims", "id_token_hint"),
)


def session_result(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a session that a result holds for a second delivery."""
    return {name: session[name] for name in _SESSION if name in session}


def signed_in_fields(transaction: Transaction) -> dict[str, Any]:
    """Return what a settled row says of the sign-in: the fields of `SignedIn`."""
    result = transaction.result
    return {
        "user_id": transaction.user_id,
        "session": session_result(result),
        "standing": result.get("standing", ""),
        "asked": result.get("asked", ""),
    }


def note_sign_in(transition: TransitionContext, resolved: AccountResolved) -> None:
    """Note who signed in and how, for the browser's session, and the grant if there is one."""
    sign_in, inputs = resolved.sign_in, AuthorizationInputs.of(transition.transaction)
    identity = sign_in.identity
    session: dict[str, Json] = {"sub": identity.subject, "sid": identity.sid, **identity.authentication}
    if identity.organization:
        session["organization"] = identity.organization
    if resolved.user.kept_claims:
        session["claims"] = resolved.user.kept_claims
    if resolved.id_token_hint:
        session["id_token_hint"] = resolved.id_token_hint
    if sign_in.refresh_token is not None:
        grant = GrantIssued(
            id=identifiers.new_transaction_id(transition.now),
            identity=identity,
            user_id=resolved.user.id,
            refresh_token=sign_in.refresh_token,
            scope=sign_in.scope if sign_in.scope is not None else inputs.scope,
            audience=inputs.parameters.get("audience", ""),
        )
        transition.emit(grant)
        session["grant"] = str(grant.id)
    transition.belongs_to(resolved.user.id)
    transition.keep_result(**session, standing=resolved.user.standing, asked=inputs.asked)
