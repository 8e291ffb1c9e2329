"""Actions: what a tenant's own code does at a sign-in, at a code exchange and at a refresh.

``tenant.action`` is called with an ``ActionEvent`` and an ``ActionApi``, with the tenant's lock held. What it
raises counts as Auth0's "uncaught exception": the sign-in is denied with the exception's text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.people import User

Stage = Literal["login", "exchange", "refresh"]


@dataclass(frozen=True)
class ActionEvent:
    """What an Action runs for."""

    stage: Stage
    user: User
    client: Client


@dataclass
class ActionApi:
    """What an Action may do; the names are those of Auth0's ``api`` object."""

    denial: str | None = None
    revocation: str | None = None
    id_token: dict[str, Any] = field(default_factory=dict)
    access_token: dict[str, Any] = field(default_factory=dict)

    def deny(self, reason: str) -> None:
        """``api.access.deny()``: an error on the callback, 500 ``access_denied`` at the token endpoint."""
        self.denial = reason

    def revoke_refresh_token(self, reason: str) -> None:
        """``api.refreshToken.revoke()``: 403 ``access_denied``, and the family is over."""
        self.revocation = reason

    def set_id_token_claim(self, name: str, value: Any) -> None:
        """``api.idToken.setCustomClaim()``."""
        self.id_token[name] = value

    def set_access_token_claim(self, name: str, value: Any) -> None:
        """``api.accessToken.setCustomClaim()``."""
        self.access_token[name] = value
