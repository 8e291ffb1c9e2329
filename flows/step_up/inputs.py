"""What a step-up is started with, and what its row keeps of that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.oauth.inputs import AuthorizationInputs
from stateful_oauth.flows.oauth.parameters import OWNED_PARAMETERS, can_be_kept, checked_parameters

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepUpInputs(AuthorizationInputs):
    """The inputs of `step_up`.

    Attributes:
        subject: The `sub` of the session: the user who has to come back.
        max_age: How many seconds ago the user may have authenticated, at most; 0 asks for it now, and so does
            None when the flow is started.
        acr_values: The classes of which one is asked for, in order of preference, separated by spaces.
        connection: The one connection to authenticate with, or an empty string for the user's choice.
        grant: The session's grant, or an empty string.
        par: Whether the authorization request is pushed first.
        asked_at: When the step-up was started, ISO 8601.
    """

    subject: str = ""
    max_age: int | None = None
    acr_values: str = ""
    connection: str = ""
    grant: str = ""
    par: bool = False
    asked_at: str = ""

    def checked(self, context: OAuthContext) -> Self:
        """Return these inputs as the row keeps them.

        Raises:
            InvalidInput: `parameter_reserved` for a parameter that the flow owns, `scope_invalid` for a scope
                without `openid`, and `input_invalid` for a user who has no account at the provider, or for a
                value that nothing could be asked with.
        """
        if not self.subject:
            raise InvalidInput("input_invalid", "Only a user who signed in at the provider can step up.")
        if "openid" not in str(self.scope).split():
            raise InvalidInput("scope_invalid", "Add `openid` to the scope: without it there is no ID token.")
        owned = OWNED_PARAMETERS | {"acr_values", "connection", "max_age", "prompt"}
        given = {"max_age": self.max_age, "acr_values": self.acr_values, "connection": self.connection}
        asked = checked_parameters({name: value for name, value in given.items() if value != ""})
        provider = context.services.provider
        return replace(
            self,
            parameters=checked_parameters(self.parameters, reserved=owned),
            issuer=provider.issuer,
            max_age=int(asked.get("max_age", "0")),
            acr_values=asked.get("acr_values", ""),
            connection=asked.get("connection", ""),
            next=self.next if can_be_kept(self.next) else "",
            par=provider.uses_pushed_authorization_requests(),
            asked_at=context.clock.now().isoformat(),
        )

    def authorization_parameters(self) -> dict[str, str]:
        """Return what the provider is asked: OpenID Connect Core §3.1.2.1.

        `prompt=login` goes with `max_age=0`: some providers take the one and some the other.
        """
        asked = {
            "max_age": str(self.max_age or 0),
            "acr_values": self.acr_values,
            "connection": self.connection,
        }
        if not self.max_age:
            asked["prompt"] = "login"
        return {**self.parameters, **{name: value for name, value in asked.items() if value}}
