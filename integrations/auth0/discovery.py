"""Provider metadata (OpenID Connect Discovery 1.0 §4, RFC 8414)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.cached import Cached
from stateful_oauth.auth0.urls import check_url
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Transport

_PATH: Final = "/.well-known/openid-configuration"
# Seconds after its lifetime for which a document still serves while it cannot be read again: a day of outage.
_STALE_FOR: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What we use of the discovery document. Every URL was checked.

    Attributes:
        sends_issuer: `authorization_response_iss_parameter_supported` (RFC 9207 §3).
    """

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    pushed_authorization_request_endpoint: str | None
    revocation_endpoint: str | None
    end_session_endpoint: str | None
    sends_issuer: bool


class Discovery:
    """The metadata of a configured issuer: read once, then kept for `metadata_lifetime`.

    While the document cannot be read again, the old one serves for a day more.
    """

    def __init__(self, config: Auth0Config, transport: Transport, now: Callable[[], datetime]) -> None:
        self._config, self._transport = config, transport
        self._cached = Cached(
            self._fetch,
            now=now,
            lifetime=config.metadata_lifetime,
            interval=config.jwks_refetch_interval,
            stale_for=_STALE_FOR,
        )

    def metadata(self, time_limit: float | None = None) -> Metadata:
        """Return the metadata.

        Args:
            time_limit: Seconds, when it has to be fetched.

        Raises:
            ProviderUnreachable: It could not be fetched. Also for a lost answer, because nothing was sent to
                the endpoint that the caller is about to call.
            RateLimited: 429.
            FlowError: It is not usable. Code: `discovery_invalid`.
        """
        limit = self._config.call_limit if time_limit is None else time_limit
        return self._cached.get(limit).value

    def known(self) -> Metadata | None:
        """Return the metadata that this process read last, or None; the provider is not asked."""
        return self._cached.peek()

    def _fetch(self, time_limit: float) -> Metadata:
        url = self._config.issuer.removesuffix("/") + _PATH
        try:
            answer = self._transport.get(url, time_limit=time_limit)
        except ProviderAnswerLost as error:
            lost = ProviderUnreachable(f"The discovery document could not be read ({error.code}).")
        else:
            if answer.status >= 500:
                raise ProviderUnreachable(
                    f"The discovery document could not be read (status {answer.status})."
                )
            members = answer.members_or_none() if answer.status == 200 else None
            if members is None:
                raise _invalid(f"the answer was no document (status {answer.status})")
            return self._read(members)
        raise lost

    def _read(self, members: Members) -> Metadata:
        config = self._config
        if members.get("issuer") != config.issuer:
            raise _invalid("it is of another issuer than the configured one; they must match to the letter")
        try:
            self._check_pkce(members.texts("code_challenge_methods_supported"))
            metadata = Metadata(
                authorization_endpoint=self._url(members, "authorization_endpoint"),
                token_endpoint=self._proving_url(members, "token_endpoint")
                or self._url(members, "token_endpoint"),
                jwks_uri=self._url(members, "jwks_uri"),
                userinfo_endpoint=self._optional_url(members, "userinfo_endpoint"),
                pushed_authorization_request_endpoint=self._proving_url(
                    members, "pushed_authorization_request_endpoint"
                ),
                revocation_endpoint=config.revocation_endpoint
                or self._proving_url(members, "revocation_endpoint"),
                end_session_endpoint=self._optional_url(members, "end_session_endpoint"),
                sends_issuer=members.get("authorization_response_iss_parameter_supported") is True,
            )
        except ValueError as error:
            raise _invalid(str(error)) from None
        if config.pushed_authorization_requests and metadata.pushed_authorization_request_endpoint is None:
            raise _invalid("pushed_authorization_request_endpoint is missing, and the settings ask for it")
        return metadata

    def _check_pkce(self, methods: tuple[str, ...] | None) -> None:
        """Check that the provider verifies S256, so that no code is of use without its verifier.

        RFC 9700 §2.1.1 has us make sure, and RFC 8414 §2 says what a missing member means: it does not. Some
        providers do, and do not say so (Entra ID, Cognito).
        """
        if methods is None and self._config.pkce_without_metadata:
            return
        if methods is None:
            raise _invalid(
                "it has no code_challenge_methods_supported; if the provider's documentation says that it "
                "verifies S256, set PKCE_WITHOUT_METADATA"
            )
        if "S256" not in methods:
            raise _invalid("code_challenge_methods_supported does not name S256")

    def _proving_url(self, members: Members, name: str) -> str | None:
        """Return an endpoint at which the client proves itself: with a certificate, its alias for that."""
        aliases = members.optional_nested("mtls_endpoint_aliases")
        if self._config.client_auth == "tls_client_auth" and aliases is not None and name in aliases:
            return self._url(aliases, name)  # RFC 8705 §5
        return self._optional_url(members, name)

    def _url(self, members: Members, name: str) -> str:
        return check_url(
            members.text(name), name, allow_http_on_loopback=self._config.allow_insecure_http_on_loopback
        )

    def _optional_url(self, members: Members, name: str) -> str | None:
        return None if members.get(name) is None else self._url(members, name)


def _invalid(reason: str) -> FlowError:
    return FlowError("discovery_invalid", f"The discovery document cannot be used: {reason}.")
