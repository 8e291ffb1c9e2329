"""What unlinking an account is started with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.inputs import FlowInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnlinkAccountInputs(FlowInputs):
    """The inputs of `unlink_account`.

    Attributes:
        primary: The Auth0 user id that the identity is taken out of.
        secondary: The Auth0 user id that it has then.
        connection: The identity's connection.
        provider: The part of its user id before `|`.
        provider_user_id: Without that prefix.
        issuer: The provider's, once the flow is started.
    """

    primary: str = ""
    secondary: str = ""
    connection: str = ""
    provider: str = ""
    provider_user_id: str = ""
    issuer: str = ""

    def checked(self, context: OAuthContext) -> Self:
        """Return these inputs as the row keeps them.

        Raises:
            InvalidInput: `input_invalid`: the session is not of a user who signed in with Auth0.
        """
        if not self.primary:
            raise InvalidInput("input_invalid", "Only a user who signed in with Auth0 has linked accounts.")
        return replace(self, issuer=context.services.provider.issuer)
