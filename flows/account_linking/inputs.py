"""What account linking is opened with, by a sign-in, and what it learns on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.inputs import JsonValue
from stateful_oauth.flows.oauth.accounts import ProfileIdentity
from stateful_oauth.flows.oauth.inputs import AuthorizationInputs, LinkingChoices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NamedAccount(JsonValue):
    """An account, as far as its owner is told of it.

    Attributes:
        user_id: The Auth0 user id, which no page shows.
        connection: Its main identity's, or an empty string.
        evidence: What speaks for a candidate (`policy.Evidence`); empty for the newcomer.
    """

    user_id: str = ""
    connection: str = ""
    email: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KeptIdentity(JsonValue):
    """The secondary's main identity, as read before the link: `ProfileIdentity`."""

    connection: str = ""
    provider: str = ""
    user_id: str = ""
    is_social: bool = False

    @classmethod
    def of(cls, identity: ProfileIdentity) -> Self:
        """Return what the row keeps of an identity."""
        return cls(
            connection=identity.connection,
            provider=identity.provider,
            user_id=identity.user_id,
            is_social=identity.is_social,
        )

    def identity(self) -> ProfileIdentity:
        """Return the identity."""
        return ProfileIdentity(
            connection=self.connection,
            provider=self.provider,
            user_id=self.user_id,
            is_social=self.is_social,
        )


_NO_CHOICES: Final = LinkingChoices(mode="confirm")
_NO_ACCOUNT: Final = NamedAccount()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccountLinkingInputs(AuthorizationInputs):
    """The inputs of `account_linking`. A sign-in makes them, from what it has read and decided.

    Attributes:
        linking: What the project chose when the sign-in started.
        login: The id of the sign-in's transaction.
        newcomer: The account that signed in.
        candidates: The accounts that it may be linked to.
        rule: The rule that was followed (`policy.Rule`).
        reason: Why the user is asked, or an empty string.
        tries: How often the user was sent to sign in with the account that was there first.
        held_until: Until when the newcomer's sign-in may wait, in ISO 8601.
        expected: The Auth0 user id of the candidate that the user was sent to sign in with.
        asked_at: When the browser was sent there, in ISO 8601.
        primary: The Auth0 user id that stays, once it is known.
        primary_held_until: Until when its proof may wait, in ISO 8601.
        identity: The secondary's main identity, read before the link.
        evidence: What the decision stands on; nothing secret.
        secondary_user: The Django user of the account that will be gone, as text, or None.
    """

    FROM_JSON: ClassVar[Mapping[str, Callable[[Any], Any]]] = {
        "linking": LinkingChoices.from_json,
        "newcomer": NamedAccount.from_json,
        "candidates": lambda kept: tuple(map(NamedAccount.from_json, kept)),
        "identity": KeptIdentity.from_json,
    }

    linking: LinkingChoices = _NO_CHOICES
    login: str = ""
    newcomer: NamedAccount = _NO_ACCOUNT
    candidates: tuple[NamedAccount, ...] = ()
    rule: str = ""
    reason: str = ""
    tries: int = 0
    held_until: str = ""
    expected: str = ""
    asked_at: str = ""
    primary: str = ""
    primary_held_until: str = ""
    identity: KeptIdentity | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    secondary_user: str | None = None

    def checked(self, context: OAuthContext) -> Self:  # noqa: ARG002 - refused in any case
        """Refuse: a sign-in opens it.

        Raises:
            InvalidInput: `input_invalid`, always.
        """
        raise InvalidInput(
            "input_invalid", "Start a sign-in: it opens an account linking where there is one."
        )

    @property
    def until(self) -> str:
        """Until when the sign-in may wait: the proof of the primary is a sign-in of its own."""
        return self.primary_held_until or self.held_until

    @property
    def tries_left(self) -> int:
        """How often the user may try still."""
        return max(0, self.linking.tries - self.tries)

    def candidate(self, user_id: str) -> NamedAccount:
        """Return the candidate with an Auth0 user id.

        Raises:
            StopIteration: There is none.
        """
        return next(each for each in self.candidates if each.user_id == user_id)
