"""What the probes of one tenant share: its settings, and connections that only the diagnostics use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ImproperlyConfigured

from stateful_oauth.auth0.discovery import Discovery
from stateful_oauth.auth0.jwks import Keys
from stateful_oauth.auth0.probes import Probes
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_url
from stateful_oauth.django.conf import TenantSettings, conf
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth import pkce
from stateful_oauth.flows.oauth.openid import AuthorizationRequest
from stateful_oauth.flows.oauth.parameters import checked_parameters

if TYPE_CHECKING:
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.discovery import Metadata
    from stateful_oauth.auth0.transport import Transport

TIME_LIMIT: Final = 10.0  # seconds, for each call


class ProbeContext:
    """What the probes of one tenant share.

    It is made for one run of the diagnostics and thrown away after it. The process's own metadata, keys and
    tokens are neither read nor replaced.

    Args:
        grant: See `diagnostics.diagnose`.
    """

    def __init__(self, alias: str, grant: str) -> None:
        self.alias, self.grant = alias, grant

    @cached_property
    def settings(self) -> TenantSettings:
        """The tenant's settings."""
        return conf.tenant(self.alias)

    @cached_property
    def config(self) -> Auth0Config:
        """What the tenant's provider is made from.

        Raises:
            ImproperlyConfigured: The settings do not go together.
        """
        try:
            return wiring.provider_config(self.alias)
        except ValueError as error:
            raise ImproperlyConfigured(f"{self.alias}: {error}") from error

    @cached_property
    def transport(self) -> Transport:
        """Connections of its own."""
        return wiring.new_transport(self.config)

    @cached_property
    def provider(self) -> Auth0Provider:
        """A provider of its own.

        Raises:
            ImproperlyConfigured: The private key is not usable.
        """
        try:
            return Auth0Provider(self.config, self.transport, wiring.clock)
        except ValueError as error:
            raise ImproperlyConfigured(f"{self.alias}: {error}") from error

    @cached_property
    def probes(self) -> Probes:
        """What can be asked without a user."""
        return Probes(self.config, self.transport, wiring.clock.now)

    @cached_property
    def _discovery(self) -> Discovery:
        return Discovery(self.config, self.transport, wiring.clock.now)

    def metadata(self) -> Metadata:
        """Return the tenant's metadata, read for this run of the diagnostics.

        Raises:
            FlowError: They cannot be used.
        """
        return self._discovery.metadata(TIME_LIMIT)

    def offers_no_pushed_requests(self) -> bool:
        """Whether the discovery document names no endpoint for pushed requests (RFC 9126)."""
        endpoint = "pushed_authorization_request_endpoint"
        return self.probes.announced(endpoint, time_limit=TIME_LIMIT) is None

    def load_keys(self) -> None:
        """Read the tenant's keys.

        Raises:
            FlowError: They cannot be used.
        """
        Keys(self.config, self._discovery, self.transport, wiring.clock.now).load(TIME_LIMIT)

    def callback(self, name: str = "callback", base_url: str = "") -> str:
        """Return a callback's URL."""
        return callback_url(self.alias, name, base_url=base_url)

    def request(self, redirect_uri: str) -> AuthorizationRequest:
        """Return the authorization request of a sign-in that must not show anything (`prompt=none`)."""
        verifier = pkce.new_code_verifier()
        return AuthorizationRequest(
            redirect_uri=redirect_uri,
            scope=self.settings.scope,
            state=Secret(pkce.new_nonce()),
            nonce=Secret(pkce.new_nonce()),
            code_challenge=pkce.code_challenge(verifier),
            parameters=checked_parameters({**self.settings.authorization_parameters, "prompt": "none"}),
        )

    def close(self) -> None:
        """Close the connections."""
        if "transport" in self.__dict__:
            self.transport.close()
