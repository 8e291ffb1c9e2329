"""What flows with an authorization request keep of it, and what a project chose about linking."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from stateful_oauth.flows.engine.inputs import FlowInputs, JsonValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HELD_FOR: Final = 1800.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuthorizationInputs(FlowInputs):
    """The authorization request of a flow.

    Attributes:
        redirect_uri: The flow's callback.
        scope: Separated by spaces.
        parameters: Extra authorization parameters. A caller may give texts and whole numbers, and None for
            what is to be left out; the row keeps texts.
        issuer: The provider's, once the flow is started.
    """

    redirect_uri: str = ""
    scope: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    issuer: str = ""

    @property
    def asked(self) -> str:
        """A digest of what is asked for and where to go on, but for how the user is asked (`prompt`)."""
        asked = {
            name: str(value)
            for name, value in self.parameters.items()
            if value is not None and name != "prompt"
        }
        text = json.dumps([self.next, self.scope, asked], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LinkingChoices(JsonValue):
    """What a project chose about linking accounts.

    Attributes:
        mode: `automatic` or `confirm`; `off` only when the settings of today are asked.
        redirect_uri: The callback of account linking.
        trusted: Names of connections whose `email_verified` is believed.
        app_metadata: The keys of `app_metadata` that go over to the primary.
        tries: How often the user may sign in with a wrong account.
        held_for: Seconds after the code exchange for which a sign-in may wait for the decision.
    """

    FROM_JSON: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"trusted": tuple, "app_metadata": tuple}

    mode: str
    redirect_uri: str = ""
    trusted: tuple[str, ...] = ()
    app_metadata: tuple[str, ...] = ()
    tries: int = 0
    held_for: float = HELD_FOR


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignInInputs(AuthorizationInputs):
    """The inputs of a flow that signs a user in, and may open an account linking.

    Attributes:
        linking: What the project chose, where it links accounts; otherwise None.
        held_until: Until when the sign-in may wait for a decision, in ISO 8601; empty before there is one.
    """

    FROM_JSON: ClassVar[Mapping[str, Callable[[Any], Any]]] = {"linking": LinkingChoices.from_json}

    linking: LinkingChoices | None = None
    held_until: str = ""
