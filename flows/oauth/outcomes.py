"""What came of a flow of this package, besides what every flow may end with: `flows.engine.outcomes`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Outcome):
    """The login is done: this browser may have a session of `user_id`.

    Attributes:
        user_id: The Django user's primary key, as text.
        session: What the session should remember: `sub` and `sid` (OpenID Connect), `grant`; and `auth_time`,
            `acr` and `amr`, if the provider sent them. Empty once the user has signed out again.
        standing: A keyed digest of what ends the user's sessions, as it was when this was settled. A later
            delivery gets a session only while it is the same.
        asked: A digest of what was asked for: `AuthorizationInputs.asked`.
    """

    user_id: str
    session: Mapping[str, Any] = field(repr=False)
    standing: str = field(default="", repr=False)
    asked: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reauthenticated(SignedIn):
    """The signed-in user has authenticated once more: the session of this browser is renewed.

    No other user is signed in by it. A browser that lost the answer may have the renewed session by a second
    delivery, as after a sign-in.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked(SignedIn):
    """Two accounts are one now, and this browser may have a session of the primary's user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptApart(SignedIn):
    """The accounts stay apart, and this browser may have a session of the user that it came with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountName:
    """An account as its owner knows it; its index among the candidates identifies it.

    Attributes:
        connection: The connection's name.
        email: To be shown masked, unless it is the email that the user came with.
    """

    connection: str
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationNeeded(Outcome):
    """The user has to say whether accounts are to be linked.

    Attributes:
        newcomer: The account that the user came with.
        candidates: The accounts that it may be linked to: each the same person's, if the person proves it. A
            confirmation names one by its position, from 0.
        wrong_account: Whether another account than one of these was just chosen.
        tries_left: How often it may be tried still.
    """

    newcomer: AccountName
    candidates: tuple[AccountName, ...]
    wrong_account: bool = False
    tries_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(SignedIn):
    """An account at another provider is connected, and the session of this browser has a new key.

    No other user is signed in by it. A browser that lost the answer may have the session by a second
    delivery, as after a sign-in.

    Attributes:
        account_id: Auth0's id, `cac_…`.
        provider_user_id: Who it is at the provider, or an empty string when the provider did not say.
    """

    connection: str
    account_id: str
    provider_user_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Outcome):
    """A connected account is disconnected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantEnded(Outcome):
    """A refresh token is revoked at the provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked(Outcome):
    """A linked account stands alone again."""
