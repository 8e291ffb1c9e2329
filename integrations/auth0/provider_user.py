"""Whose access token of an identity provider it is: the provider itself is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.userinfo_endpoints import userinfo_endpoints
from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ProviderUser
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost

if TYPE_CHECKING:
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Answer, Transport
    from stateful_oauth.auth0.userinfo_endpoints import UserinfoEndpoint
    from stateful_oauth.flows.oauth.accounts import ProviderToken

_INVALID: Final = "provider_answer_invalid"
_MAX_ID: Final = 255  # with its prefix; that of a `sub` (OpenID Connect Core §2), and of the column


class ProviderUsers:
    """Asks identity providers. An instance serves all threads."""

    def __init__(self, config: Auth0Config, transport: Transport) -> None:
        self._transport = transport
        self._endpoints = userinfo_endpoints(
            config.provider_userinfo, allow_http_on_loopback=config.allow_insecure_http_on_loopback
        )

    def find(
        self, token: ProviderToken, *, connection: str, strategy: str, time_limit: float
    ) -> ProviderUser | None:
        """Ask; see `flows.oauth.ports.Provider.provider_user`. What is known of the connection goes first.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: The provider refused. Code: `provider_user_unknown`; `RateLimited` for 429.
            ProviderAnswerLost: No usable answer came. Asking has no effect, so it may be repeated.
        """
        endpoint = self._endpoints.get(connection) or self._endpoints.get(strategy)
        if endpoint is None:
            return None
        answer = self._transport.get(
            endpoint.url,
            headers={"Authorization": Secret(f"Bearer {token.value.reveal()}")},
            time_limit=time_limit,
        )
        if answer.status != 200:
            raise _refusal(answer)
        return _read(answer.members(), endpoint)


def _refusal(answer: Answer) -> FlowError:
    if 400 <= answer.status < 500:
        return ServiceRefused(
            "provider_user_unknown", f"The identity provider's userinfo endpoint refused: {answer.status}."
        )
    return ProviderAnswerLost(f"The identity provider answered with status {answer.status}.", code=_INVALID)


def _read(members: Members, endpoint: UserinfoEndpoint) -> ProviderUser:
    user_id = members.get(endpoint.subject)
    if isinstance(user_id, int) and not isinstance(user_id, bool) and 0 <= user_id < 10**32:
        user_id = str(user_id)  # GitHub's is a number, and Auth0 shows it in decimals
    longest = _MAX_ID - len(endpoint.prefix)
    if not isinstance(user_id, str) or not 0 < len(user_id) <= longest or not user_id.isprintable():
        raise ProviderAnswerLost(
            f"The identity provider's answer has no user id in {endpoint.subject!r}.", code=_INVALID
        )
    email = members.get(endpoint.email)
    usable = isinstance(email, str) and email.isprintable()
    return ProviderUser(id=endpoint.prefix + user_id, email=email if usable else "")
