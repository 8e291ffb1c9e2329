"""What disconnecting an account is started with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.inputs import FlowInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DisconnectAccountInputs(FlowInputs):
    """The inputs of `disconnect_account`.

    Attributes:
        account: The connected account's id (`cac_…`).
        connection: Its connection's name.
        subject: The `sub` of the session.
        grant: Its grant, or an empty string.
        issuer: The provider's, once the flow is started.
    """

    account: str = ""
    connection: str = ""
    subject: str = ""
    grant: str = ""
    issuer: str = ""

    def checked(self, context: OAuthContext) -> Self:
        """Return these inputs as the row keeps them.

        Raises:
            InvalidInput: `input_invalid`: the session is not of a user who signed in with Auth0.
        """
        if not self.subject:
            raise InvalidInput(
                "input_invalid", "Only users who signed in with Auth0 have connected accounts."
            )
        return replace(self, issuer=context.services.provider.issuer)
