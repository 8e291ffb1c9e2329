"""The provider port, implemented: what flows and the Django integration ask of a tenant."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.access_token import verify_access_token
from stateful_oauth.auth0.client_authentication import client_authentication
from stateful_oauth.auth0.discovery import Discovery
from stateful_oauth.auth0.id_token import verify_id_token
from stateful_oauth.auth0.jwks import Keys
from stateful_oauth.auth0.logout import logout_url, with_query
from stateful_oauth.auth0.logout_token import verify_logout_token
from stateful_oauth.auth0.management import Auth0Management
from stateful_oauth.auth0.my_account import Auth0MyAccount
from stateful_oauth.auth0.oauth_answers import pushed_response, refusal, token_response
from stateful_oauth.auth0.provider_user import ProviderUsers
from stateful_oauth.auth0.token_grants import TokenGrants
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.auth0.userinfo import UserInfo
from stateful_oauth.flows.engine.errors import FlowError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.auth0.access_token import AccessTokenExpectation, VerifiedAccessToken
    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.logout_token import LogoutNotice
    from stateful_oauth.auth0.management_token import SharedTokens
    from stateful_oauth.auth0.transport import Answer
    from stateful_oauth.flows.engine.ports import Clock
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.accounts import ProviderToken, ProviderUser
    from stateful_oauth.flows.oauth.openid import (
        AuthorizationRequest,
        IdTokenExpectation,
        PushedAuthorizationResponse,
        TokenResponse,
        VerifiedIdentity,
    )

# Parameters that would make the provider ignore or override the ones that the flow sets (RFC 9101 §6.3).
_OVERRIDING: Final = frozenset({"request", "request_uri"})
# Parameters of every request that the settings, or the caller's code, determine.
_KNOWN: Final = frozenset(
    {"response_type", "client_id", "redirect_uri", "scope", "code_challenge_method", "response_mode"}
)
_QUERIES_KEPT: Final = 32


class Auth0Provider:
    """One tenant. An instance serves all threads; keep it, because it holds connections, metadata and keys.

    Args:
        transport: Where requests go; one of its own by default.
        clock: The time; the system's by default.
        shared_tokens: Where processes share machine-to-machine tokens; None to keep them in this one.

    Raises:
        ValueError: The private key is not usable.
    """

    def __init__(
        self,
        config: Auth0Config,
        transport: Transport | None = None,
        clock: Clock | None = None,
        shared_tokens: SharedTokens | None = None,
    ) -> None:
        now = clock.now if clock is not None else _utc_now
        self._config = config
        self._transport = transport or Transport.of(config, now=now)
        self._authentication = client_authentication(config, now)
        self._discovery = Discovery(config, self._transport, now)
        self._keys = Keys(config, self._discovery, self._transport, now)
        alg = config.access_token_signing_alg
        self._access_token_keys = (
            self._keys
            if alg == config.id_token_signing_alg
            else Keys(config, self._discovery, self._transport, now, algorithm=alg)
        )
        self._grants = TokenGrants(self._discovery, self._post, now)
        self._userinfo = UserInfo(
            config, self._discovery, self._transport, key=self._key, key_again=self._keys.find_again
        )
        self._my_account = Auth0MyAccount(config, self._transport)
        self._provider_users = ProviderUsers(config, self._transport)
        # What most requests have in common is quoted once.
        self._known_query = lru_cache(_QUERIES_KEPT)(
            lambda endpoint, *known: with_query(endpoint, self._known_fields(*known))
        )
        self._management = (
            Auth0Management(config, self._transport, now, shared_tokens)
            if config.management_client_id
            else None
        )

    @property
    def issuer(self) -> str:
        """The issuer, byte-exact."""
        return self._config.issuer

    def sends_issuer(self) -> bool:
        """Whether callbacks must carry `iss` (RFC 9207 §3).

        Raises:
            FlowError: Metadata is not available.
        """
        return self._discovery.metadata().sends_issuer

    def uses_pushed_authorization_requests(self) -> bool:
        """Whether authorization requests are pushed (RFC 9126)."""
        return self._config.pushed_authorization_requests

    def takes_pushed_authorization_requests(self) -> bool:
        """Whether the provider takes pushed requests, whatever the settings say.

        Raises:
            FlowError: Metadata is not available.
        """
        return self._discovery.metadata().pushed_authorization_request_endpoint is not None

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL to send the browser to (RFC 6749 §4.1.1).

        Raises:
            InvalidInput: `parameters` would override the request. Code: `parameter_reserved`.
            FlowError: Metadata is not available.
        """
        fields = self._authorization_fields(request)
        known = self._known_query(
            self._discovery.metadata().authorization_endpoint, request.redirect_uri, request.scope
        )
        return with_query(known, {name: fields[name] for name in fields if name not in _KNOWN})

    def pushed_authorization_url(self, request_uri: Secret) -> str:
        """Return the URL to send the browser to after a push (RFC 9126 §4)."""
        return with_query(
            self._discovery.metadata().authorization_endpoint,
            {"client_id": self._config.client_id, "request_uri": request_uri},
        )

    def push_authorization_request(
        self, request: AuthorizationRequest, *, time_limit: float
    ) -> PushedAuthorizationResponse:
        """Push the request (RFC 9126 §2).

        Args:
            time_limit: Seconds for everything.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: The provider refused it; `RateLimited` for 429.
            ProviderAnswerLost: It was sent and no usable answer came.
            FlowError: Metadata is not usable.
        """
        deadline = time.monotonic() + time_limit
        endpoint = self._discovery.metadata(time_limit).pushed_authorization_request_endpoint
        if endpoint is None:
            raise FlowError(
                "discovery_invalid", "The provider announces no pushed_authorization_request_endpoint."
            )
        return pushed_response(self._post(endpoint, self._authorization_fields(request), deadline))

    def exchange_code(
        self, *, code: Secret, redirect_uri: str, code_verifier: Secret, time_limit: float
    ) -> TokenResponse:
        """Exchange an authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5). Never repeats it.

        Metadata and keys are fetched first when they are missing: a code that is spent for a token that
        cannot be checked is a lost sign-in.

        Args:
            time_limit: Seconds for everything.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: The provider refused it; `RateLimited` for 429.
            ProviderAnswerLost: It was sent and no usable answer came: the code may be spent.
            FlowError: Metadata or keys are not usable; nothing was sent.
        """
        deadline = time.monotonic() + time_limit
        endpoint = self._discovery.metadata(time_limit).token_endpoint
        if self._config.id_token_signing_alg != "HS256":  # noqa: S105 - not a password
            self._keys.load(deadline - time.monotonic())
        fields: dict[str, str | Secret] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier,
        }
        return token_response(self._post(endpoint, fields, deadline))

    def verify_id_token(
        self, id_token: Secret, expected: IdTokenExpectation, *, now: datetime
    ) -> VerifiedIdentity:
        """Check every rule of the ID token; see `id_token.verify_id_token`."""
        return verify_id_token(
            id_token, expected, config=self._config, key=self._key, key_again=self._keys.find_again, now=now
        )

    def verify_access_token(
        self, token: Secret, expected: AccessTokenExpectation, *, now: datetime
    ) -> VerifiedAccessToken:
        """Check every rule of an access token for an API; see `access_token.verify_access_token`."""
        keys = self._access_token_keys
        return verify_access_token(
            token, expected, config=self._config, key=keys.find, key_again=keys.find_again, now=now
        )

    def with_userinfo(
        self, identity: VerifiedIdentity, access_token: Secret, *, scope: str, time_limit: float
    ) -> VerifiedIdentity:
        """Add what UserInfo says, where the settings ask for it; see `userinfo.UserInfo.complete`."""
        return self._userinfo.complete(identity, access_token, scope=scope, time_limit=time_limit)

    def keeps_refresh_token(self, scope: str) -> bool:
        """Whether a refresh token that came is kept: it was asked for, or the settings keep any."""
        return self._config.keep_unasked_refresh_tokens or "offline_access" in scope.split()

    def revokes_refresh_tokens(self) -> bool:
        """Whether a refresh token can be revoked: yes, unless the metadata are known to say otherwise."""
        known = self._discovery.known()
        return known is None or known.revocation_endpoint is not None

    def wants_id_token_hint(self) -> bool:
        """Whether a sign-out sends the ID token, so that the session has to keep it."""
        return self._config.logout_sends_id_token

    def verify_logout_token(self, logout_token: Secret, *, now: datetime) -> LogoutNotice:
        """Check every rule of a logout token; see `logout_token.verify_logout_token`."""
        return verify_logout_token(
            logout_token, config=self._config, key=self._key, key_again=self._keys.find_again, now=now
        )

    def rotates_refresh_tokens(self) -> bool:
        """Whether a refresh token must be assumed dead once it was sent."""
        return self._config.refresh_token_rotation

    def refresh(
        self,
        refresh_token: Secret,
        *,
        audience: str | None = None,
        scope: str | None = None,
        time_limit: float,
    ) -> TokenResponse:
        """Ask for an access token (RFC 6749 §6). Never repeats it; see `flows.oauth.ports.Provider.refresh`.

        Args:
            audience: None for the one of the grant.
            scope: None for all that was granted.
            time_limit: Seconds for everything.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: `grant_dead`, `step_up_required`, `client_rejected`, `scope_not_granted`,
                `audience_not_granted` or `request_rejected`; `RateLimited` for 429.
            ProviderAnswerLost: It was sent and no usable answer came: with rotation the token may be spent.
            FlowError: Metadata is not usable; nothing was sent.
        """
        return self._grants.refresh(refresh_token, audience=audience, scope=scope, time_limit=time_limit)

    def provider_token(
        self, refresh_token: Secret, *, connection: str, login_hint: str | None = None, time_limit: float
    ) -> ProviderToken:
        """Ask Token Vault for an access token of the identity provider behind a connection.

        See `flows.oauth.ports.Provider.provider_token`. Safe to repeat.

        Args:
            time_limit: Seconds for everything.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: `account_not_connected`, `connected_account_unknown`, `grant_dead`,
                `step_up_required` or `token_vault_refused`; `RateLimited` for 429.
            ProviderAnswerLost: It was sent and no usable answer came.
            FlowError: Metadata is not usable; nothing was sent.
        """
        self._demand_auth0("Token Vault")
        return self._grants.provider_token(
            refresh_token, connection=connection, login_hint=login_hint, time_limit=time_limit
        )

    def provider_user(
        self, token: ProviderToken, *, connection: str, strategy: str, time_limit: float
    ) -> ProviderUser | None:
        """Ask the identity provider whose token it is; see `provider_user.ProviderUsers.find`."""
        return self._provider_users.find(
            token, connection=connection, strategy=strategy, time_limit=time_limit
        )

    @property
    def my_account(self) -> Auth0MyAccount:
        """Auth0's My Account API.

        Raises:
            FlowError: The provider is another one. Code: `auth0_only`.
        """
        self._demand_auth0("The My Account API")
        return self._my_account

    @property
    def management(self) -> Auth0Management:
        """Auth0's Management API.

        Raises:
            FlowError: There is no client id for it, or auth0-python is not installed. Code:
                `management_not_configured`.
        """
        self._demand_auth0("The Management API")
        if self._management is None:
            raise FlowError(
                "management_not_configured",
                "Set MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET to a machine-to-machine application.",
            )
        if find_spec("auth0") is None:
            raise FlowError("management_not_configured", "Install django-stateful-oauth[linking].")
        return self._management

    def revoke_refresh_token(self, token: Secret, *, time_limit: float) -> None:
        """Revoke a refresh token (RFC 7009). Safe to repeat; an unknown token counts as revoked.

        Args:
            time_limit: Seconds for everything.

        Raises:
            ProviderUnreachable: Nothing was sent.
            ServiceRefused: The provider refused it; `RateLimited` for 429.
            ProviderAnswerLost: It was sent and no usable answer came.
            FlowError: Metadata is not usable, or names no `revocation_endpoint`: `revocation_unsupported`.
        """
        deadline = time.monotonic() + time_limit
        endpoint = self._discovery.metadata(time_limit).revocation_endpoint
        if endpoint is None:
            raise FlowError("revocation_unsupported", "The provider announces no revocation_endpoint.")
        answer = self._post(endpoint, {"token": token, "token_type_hint": "refresh_token"}, deadline)
        if answer.status != 200:
            raise refusal(answer)

    def logout_url(
        self,
        *,
        return_to: str | None,
        sid: str | None = None,
        id_token_hint: Secret | None = None,
        state: Secret | None = None,
        federated: bool = False,
    ) -> str | None:
        """Return the URL that ends the session at the provider, or None; see `logout.logout_url`.

        Args:
            return_to: Where to go afterwards; it must be among the application's allowed logout URLs.
            sid: The provider's session, so that it does not ask the user which one to end.
            id_token_hint: The same, for providers without `logout_hint`. It ends up in the URL.
            state: Comes back with the browser.
            federated: Also end the session at the identity provider behind Auth0.

        Raises:
            FlowError: Metadata is not available.
        """
        return logout_url(
            self._config,
            self._discovery.metadata(),
            return_to=return_to,
            sid=sid,
            id_token_hint=id_token_hint,
            state=state,
            federated=federated,
        )

    def _demand_auth0(self, what: str) -> None:
        if not self._config.is_auth0:
            raise FlowError("auth0_only", f"{what} is Auth0's own, and PROVIDER names another provider.")

    def _authorization_fields(self, request: AuthorizationRequest) -> dict[str, str | Secret]:
        reserved = sorted(_OVERRIDING.intersection(request.parameters))
        if reserved:
            raise InvalidInput("parameter_reserved", ", ".join(reserved))
        return {
            **request.parameters,
            **self._known_fields(request.redirect_uri, request.scope),
            "state": request.state,
            "nonce": request.nonce,
            "code_challenge": request.code_challenge,
        }

    def _known_fields(self, redirect_uri: str, scope: str) -> dict[str, str]:
        return {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "code_challenge_method": "S256",
            **({} if self._config.response_mode == "query" else {"response_mode": "form_post"}),
        }

    def _post(self, endpoint: str, fields: Mapping[str, str | Secret], deadline: float) -> Answer:
        return self._transport.post_form(
            endpoint,
            {**fields, **self._authentication.fields(endpoint)},
            headers=self._authentication.headers(),
            time_limit=deadline - time.monotonic(),
        )

    def _key(self, key_id: str | None) -> PublicKey | bytes:
        if self._config.id_token_signing_alg == "HS256" and self._config.client_secret:  # noqa: S105 - not a password
            return self._config.client_secret.reveal().encode()
        return self._keys.find(key_id)


def _utc_now() -> datetime:
    return datetime.now(UTC)
