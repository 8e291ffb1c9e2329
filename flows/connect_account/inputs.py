"""What connecting an account is started with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.inputs import FlowInputs
from stateful_oauth.flows.oauth.parameters import checked_parameters, checked_scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.flows.oauth.services import OAuthContext

# What the My Account API takes as `authorization_params`; it refuses anything else.
AUTHORIZATION_PARAMS: Final = frozenset(
    {"acr_values", "audience", "display", "id_token_hint", "login_hint", "max_age", "prompt", "resource",
     "ui_locales"}
)  # fmt: skip
# At most 128 characters (My Account API). Auth0 makes names of letters, digits and dashes; the other two are
# in names of old.
_CONNECTION: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ConnectAccountInputs(FlowInputs):
    """The inputs of `connect_account`.

    Attributes:
        connection: The connection's name.
        redirect_uri: The flow's callback.
        scopes: For the identity provider.
        parameters: `authorization_params` of the My Account API.
        subject: The `sub` of the session.
        grant: Its grant, or an empty string.
        issuer: The provider's, once the flow is started.
        known: The ids of the accounts that were there before.
        session: What the browser's session kept of its sign-in, when the browser came back.
        standing: How that stood with the sessions of its user: see `AccountCaller.standing_of`.
    """

    FROM_JSON: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"scopes": tuple, "known": tuple}

    connection: str = ""
    redirect_uri: str = ""
    scopes: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    grant: str = ""
    issuer: str = ""
    known: tuple[str, ...] = ()
    session: Mapping[str, Any] = field(default_factory=dict, repr=False)
    standing: str = field(default="", repr=False)

    def checked(self, context: OAuthContext) -> Self:
        """Return these inputs as the row keeps them.

        Raises:
            InvalidInput: `connection_unknown` for what can be no connection's name, `parameter_reserved` for
                a parameter that the API does not take, and `input_invalid` for a value of the wrong form.
        """
        connection: Any = self.connection  # of a form, or of a project's own code
        if not isinstance(connection, str) or not _CONNECTION.fullmatch(connection):
            raise InvalidInput(
                "connection_unknown", "A connection's name has 1 to 128 letters, digits, dots, - and _."
            )
        parameters = checked_parameters(self.parameters)
        if others := sorted(parameters.keys() - AUTHORIZATION_PARAMS):
            raise InvalidInput(
                "parameter_reserved", f"Remove {', '.join(others)}: connecting takes no such parameter."
            )
        if not self.subject:
            raise InvalidInput("input_invalid", "Sign in with Auth0 first, to connect an account.")
        return replace(
            self,
            parameters=parameters,
            scopes=tuple(checked_scopes(self.scopes)),
            issuer=context.services.provider.issuer,
        )
