"""The Management API's access token: the application's own, kept in this process, and shared if asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from stateful_oauth.auth0.cached import Cached
from stateful_oauth.auth0.oauth_answers import REFUSALS, token_response
from stateful_oauth.auth0.unverified_claims import unverified_claims
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable
from stateful_oauth.flows.oauth.narrowing import granted_scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from stateful_oauth.auth0.cached import Copy
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.transport import Transport
    from stateful_oauth.flows.engine.secret import Secret

# A token is renewed early: by a tenth of its life, or a minute at most (docs/security-checklist.md B20).
_SKEW_SHARE: Final = 0.1
_MAX_SKEW: Final = 60.0
_POLL: Final = 0.05  # seconds between two looks for what another process fetches
_LONGEST_WAIT: Final = 3.0  # seconds for which a process waits for another one
_UNKNOWN_LIFETIME: Final = 300  # seconds, when the provider does not say (RFC 6749 §5.1 lets it)

_REFUSALS: Final = {
    **{error: REFUSALS[error] for error in ("too_many_requests", "temporarily_unavailable", "server_error")},
    "500 access_denied": "management_refused",  # an Action of the client-credentials exchange
}


@dataclass(frozen=True, slots=True)
class MachineToken:
    """A token of the client-credentials grant.

    Attributes:
        scopes: What was granted, or None if the answer does not say.
        lifetime: Seconds, from when it was fetched, in which it is used.
    """

    value: Secret
    scopes: frozenset[str] | None
    lifetime: float


@dataclass(frozen=True, slots=True)
class SharedToken:
    """A token as processes share it.

    Attributes:
        ends_at: Until when it is used, in seconds since 1970.
    """

    value: Secret
    scopes: frozenset[str] | None
    ends_at: float


class SharedTokens(Protocol):
    """Where the processes of a site share tokens. No method raises: what fails there costs a fetch."""

    def load(self, name: str) -> SharedToken | None:
        """Return what is kept, or None."""

    def keep(self, name: str, token: SharedToken, *, seconds: float) -> None:
        """Keep a token for so long."""

    def claim(self, name: str, *, seconds: float) -> bool:
        """Return whether this caller is the one to fetch it, for so long."""

    def release(self, name: str) -> None:
        """Let others fetch it."""


class ManagementToken:
    """One token with certain scopes. An instance serves all threads; one fetches, the others wait.

    Args:
        scopes: What to ask for, and nothing more.
        shared: Where other processes look for it, too; None to keep it in this one.
    """

    def __init__(
        self,
        config: Auth0Config,
        transport: Transport,
        now: Callable[[], datetime],
        scopes: frozenset[str],
        shared: SharedTokens | None = None,
    ) -> None:
        self._shared = shared
        self._refused: Secret | None = None  # the last one that an API did not take
        self._name = "\0".join(
            [
                config.management_base_url,
                config.management_audience,
                config.management_client_id,
                " ".join(sorted(scopes)),
            ]
        )
        self._config, self._transport, self._now, self._scopes = config, transport, now, scopes
        self._cached = Cached(
            self._fetch,
            now=now,
            lifetime=lambda token: token.lifetime,
            # What is refused for good must not use up the tenant's quota of machine-to-machine tokens.
            interval=config.jwks_refetch_interval,
        )

    def get(self, time_limit: float) -> Copy[MachineToken]:
        """Return a token that lasts.

        Raises:
            ProviderUnreachable: It could not be fetched, so that nothing was sent to the API that the caller
                is about to call.
            ServiceRefused: The token endpoint refused. Code: `management_refused`; `RateLimited` for 429.
            ServiceRefused: It lacks a scope. Code: `management_scope_missing`.
        """
        deadline = time.monotonic() + time_limit
        held = self._cached.get(time_limit)
        newer = None
        if self._missing(held) and not self._is_fresh(held):
            # The scope may have been granted since.
            self._refused = held.value.value
            newer = self._cached.renewed(held, deadline - time.monotonic())
        return self._complete(newer or held)

    def renewed(self, seen: Copy[MachineToken], time_limit: float) -> Copy[MachineToken] | None:
        """Return a newer token than one that the API did not take, or None: the last new one is too recent.

        Raises:
            FlowError: As for `get`.
        """
        self._refused = seen.value.value
        newer = self._cached.renewed(seen, time_limit)
        return None if newer is None else self._complete(newer)

    def _complete(self, copy: Copy[MachineToken]) -> Copy[MachineToken]:
        if missing := self._missing(copy):
            raise ServiceRefused(
                "management_scope_missing",
                f"The token of the Management API lacks {', '.join(missing)}: "
                "add it to the client grant of MANAGEMENT_CLIENT_ID.",
            )
        return copy

    def _is_fresh(self, copy: Copy[MachineToken]) -> bool:
        return 0 <= self._now().timestamp() - copy.fetched_at < self._config.jwks_refetch_interval

    def _missing(self, copy: Copy[MachineToken]) -> list[str]:
        granted = copy.value.scopes
        return [] if granted is None else sorted(self._scopes - granted)

    def _fetch(self, time_limit: float) -> MachineToken:
        """Return the token that another process has fetched, or fetch it, for all of them."""
        shared, waited = self._shared, 0.0
        if shared is None:
            return self._fetched(time_limit)
        deadline = time.monotonic() + time_limit
        while (found := self._shared_by_others(shared)) is None:
            if shared.claim(self._name, seconds=time_limit + 1):
                break
            if waited >= min(_LONGEST_WAIT, time_limit / 2):
                return self._fetched(deadline - time.monotonic())  # the other one is slow, or has died
            time.sleep(_POLL)
            waited += _POLL
        if found is not None:
            return found
        try:
            # Another process may have kept it between the look and the claim.
            found = self._shared_by_others(shared)
            if found is not None:
                return found
            token = self._fetched(deadline - time.monotonic())
            ends_at = self._now().timestamp() + token.lifetime
            shared.keep(
                self._name, SharedToken(token.value, token.scopes, ends_at), seconds=max(token.lifetime, 1)
            )
        finally:
            shared.release(self._name)
        return token

    def _shared_by_others(self, shared: SharedTokens) -> MachineToken | None:
        kept, now = shared.load(self._name), self._now().timestamp()
        if kept is None or now >= kept.ends_at or kept.value == self._refused:
            return None
        return MachineToken(value=kept.value, scopes=kept.scopes, lifetime=kept.ends_at - now)

    def _fetched(self, time_limit: float) -> MachineToken:
        config = self._config
        fields: dict[str, str | Secret] = {
            "grant_type": "client_credentials",
            "client_id": config.management_client_id,
            "audience": config.management_audience,
            "scope": " ".join(sorted(self._scopes)),
        }
        if config.management_client_secret:
            fields["client_secret"] = config.management_client_secret
        try:
            answer = self._transport.post_form(
                config.management_base_url + "oauth/token", fields, time_limit=time_limit
            )
            tokens = token_response(answer, _REFUSALS, "management_refused")
        except ProviderAnswerLost as error:
            lost = ProviderUnreachable(f"The Management API's token could not be fetched ({error.code}).")
        else:
            claims = unverified_claims(tokens.access_token)
            # No `scope` means "as asked" (RFC 6749 §5.1), but with none asked for only the token can tell.
            said = tokens.scope is not None or claims.scope is not None
            asked = " ".join(self._scopes or claims.scope or ())
            scope = granted_scope(replace(tokens, claims=claims), asked) if said else None
            lifetime = _UNKNOWN_LIFETIME if tokens.expires_in is None else tokens.expires_in
            return MachineToken(
                value=tokens.access_token,
                scopes=None if scope is None else frozenset(scope.split()),
                lifetime=lifetime - min(lifetime * _SKEW_SHARE, _MAX_SKEW),
            )
        raise lost
