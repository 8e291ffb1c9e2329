"""What a step-up is started with, and what its row keeps of that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.oauth.parameters import OWNED_PARAMETERS, can_be_kept, checked_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.transaction import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpInputs:
    """The inputs.

    Attributes:
        redirect_uri: The callback.
        scope: Separated by spaces; with `openid`.
        issuer: The provider's.
        subject: The `sub` of the session: the user who has to come back.
        max_age: How many seconds ago the user may have authenticated, at most; 0 asks for it now.
        acr_values: The classes of which one is asked for, in order of preference, separated by spaces.
        connection: The one connection to authenticate with, or an empty string for the user's choice.
        grant: The session's grant, or an empty string.
        parameters: More authorization parameters.
        next: Where the browser wants to go in the end.
        par: Whether the authorization request is pushed first.
        asked_at: When the step-up was started, ISO 8601.
    """

    redirect_uri: str
    scope: str
    issuer: str
    subject: str
    max_age: int
    acr_values: str = ""
    connection: str = ""
    grant: str = ""
    parameters: Mapping[str, str]
    next: str = ""
    par: bool = False
    asked_at: str

    @classmethod
    def checked(cls, given: Mapping[str, Any], *, issuer: str, par: bool, asked_at: str) -> StepUpInputs:
        """Check what the caller gave.

        Raises:
            InvalidInput: `parameter_reserved` for a parameter that the flow owns, `scope_invalid` for a scope
                without `openid`, and `input_invalid` for a user who has no account at the provider, or for a
                value that nothing could be asked with.
        """
        if not given.get("subject"):
            raise InvalidInput("input_invalid", "Only a user who signed in at the provider can step up.")
        if "openid" not in str(given["scope"]).split():
            raise InvalidInput("scope_invalid", "Add `openid` to the scope: without it there is no ID token.")
        owned = OWNED_PARAMETERS | {"acr_values", "connection", "max_age", "prompt"}
        parameters = checked_parameters(given.get("parameters") or {}, reserved=owned)
        asked = checked_parameters(
            {
                name: given.get(name)
                for name in ("max_age", "acr_values", "connection")
                if given.get(name) != ""
            }
        )
        next_url = given.get("next") or ""
        return cls(
            redirect_uri=given["redirect_uri"],
            scope=given["scope"],
            issuer=issuer,
            subject=given["subject"],
            max_age=int(asked.get("max_age", "0")),
            acr_values=asked.get("acr_values", ""),
            connection=asked.get("connection", ""),
            grant=given.get("grant") or "",
            parameters=parameters,
            next=next_url if can_be_kept(next_url) else "",
            par=par,
            asked_at=asked_at,
        )

    def to_json(self) -> dict[str, Json]:
        """Return what the row keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> StepUpInputs:
        """Return what a row kept."""
        return cls(**kept)

    def authorization_parameters(self) -> dict[str, str]:
        """Return what the provider is asked: OpenID Connect Core §3.1.2.1.

        `prompt=login` goes with `max_age=0`: some providers take the one and some the other.
        """
        asked = {"max_age": str(self.max_age), "acr_values": self.acr_values, "connection": self.connection}
        if self.max_age == 0:
            asked["prompt"] = "login"
        return {**self.parameters, **{name: value for name, value in asked.items() if value}}
