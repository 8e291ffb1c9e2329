"""What a sign-in is started with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.oauth.inputs import SignInInputs
from stateful_oauth.flows.oauth.parameters import OWNED_PARAMETERS, can_be_kept, checked_parameters

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LoginInputs(SignInInputs):
    """The inputs of `login`.

    Attributes:
        subject: The `sub` that must come back, or an empty string.
        par: Whether the authorization request is pushed.
    """

    subject: str = ""
    par: bool = False

    def checked(self, context: OAuthContext) -> Self:
        """Return these inputs as the row keeps them.

        Raises:
            InvalidInput: `parameter_reserved` for a parameter that the flow owns, `scope_invalid` for a scope
                without `openid`, and `input_invalid` for a value that nothing could be asked with.
        """
        parameters = checked_parameters(self.parameters, reserved=OWNED_PARAMETERS)
        if "openid" not in str(self.scope).split():
            raise InvalidInput("scope_invalid", "Add `openid` to the scope: without it there is no ID token.")
        if not can_be_kept(str(self.subject)):
            raise InvalidInput("input_invalid", "The subject holds a character that no database keeps.")
        provider = context.services.provider
        return replace(
            self,
            parameters=parameters,
            issuer=provider.issuer,
            # A visitor wrote it; no URL of a page looks like that.
            next=self.next if can_be_kept(str(self.next)) else "",
            par=provider.uses_pushed_authorization_requests(),
        )
