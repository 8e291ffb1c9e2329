"""Access tokens of grants: kept while they last, and refreshed by one worker at a time.

Claim → effect → settle, as for transactions: a short write notes that the refresh token is being used, the
provider is asked outside of any database transaction, and a short fenced write keeps what it answered. With
rotation a refresh token that was sent is spent, whether its answer came or not, and sending it again makes
the provider revoke the whole family (RFC 9700 §4.14). So it is never sent twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderUnreachable, RefusedWithServerError
from stateful_oauth.flows.oauth.grants import AccessToken, Grant, key_of
from stateful_oauth.flows.oauth.narrowing import granted_scope, narrowed

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.flows.engine.ports import Clock
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.accounts import ProviderToken
    from stateful_oauth.flows.oauth.openid import TokenResponse
    from stateful_oauth.flows.oauth.ports import GrantStore, Provider

Answer = TypeVar("Answer")

_CLAIM_MARGIN: Final = 20.0  # seconds by which a claim outlives the call's own time limit
_POLL_INTERVAL: Final = 0.05  # seconds
_DEFAULT_LIFETIME: Final = 300  # seconds, where the provider does not say (RFC 6749 §5.1 only recommends it)
_LONGEST_LIFETIME: Final = 31_536_000  # seconds, a year: what lasts longer is asked for again after it
_SKEW: Final = 60.0  # seconds before the end at which a token is not used any more
_SKEW_SHARE: Final = 0.1  # but never more than this part of its lifetime (docs/security-checklist.md B20)


class AccessTokens:
    """Hands out access tokens. One instance serves all threads.

    Args:
        store: Where grants live.
        providers: The provider of a tenant, by the tenant's alias.
        patience: Seconds for which a worker waits for another one that is refreshing the same grant.
    """

    def __init__(
        self, store: GrantStore, providers: Callable[[str], Provider], clock: Clock, *, patience: float
    ) -> None:
        self._store, self._providers, self._clock, self._patience = store, providers, clock, patience

    def access_token(
        self, grant_id: str | None, *, audience: str = "", scope: str = "", time_limit: float
    ) -> AccessToken:
        """Return a token that lasts, from what is kept or from the provider.

        Args:
            grant_id: As the session names it; None when the sign-in brought no refresh token.
            audience: The API, or an empty string for the one of the grant.
            scope: What is needed, separated by spaces; an empty string for all that was granted.
            time_limit: Seconds for the whole call.

        Raises:
            ServiceRefused: `grant_missing` (sign in with `offline_access`), `grant_dead` (sign in again),
                `step_up_required`, `audience_not_granted` or `scope_not_granted` (the provider narrowed it
                away: a setting of the application), `client_rejected`.
            FlowError: `refresh_lost` when the refresh token was sent and no answer came: it may be spent, so
                the grant is ended. `grant_in_use` when another worker takes too long.
        """
        token, _ = self._token(grant_id, audience, scope, time_limit)
        return token

    def used(
        self,
        grant_id: str | None,
        call: Callable[[Secret], Answer],
        *,
        audience: str,
        scope: str,
        time_limit: float,
        rejected: str,
    ) -> Answer:
        """Call an API with a token that lasts; if the API does not take the one that was kept, with another.

        A token may end before its time, for instance if its key is revoked. Kept until then, every call with
        it would fail.

        Args:
            call: Calls the API with the token, once or twice. What is refused with `rejected` was not done.
            rejected: The code of an API that does not take the token.

        Raises:
            FlowError: As `access_token`, and whatever `call` raises.
        """
        token, was_kept = self._token(grant_id, audience, scope, time_limit)
        try:
            return call(token.value)
        except ServiceRefused as error:
            if error.code != rejected or not was_kept:
                raise
        self._forget(grant_id, key_of(audience, scope), token)
        return call(self.access_token(grant_id, audience=audience, scope=scope, time_limit=time_limit).value)

    def _token(
        self, grant_id: str | None, audience: str, scope: str, time_limit: float
    ) -> tuple[AccessToken, bool]:
        """Return a token, and whether it was kept from an earlier time."""
        key = key_of(audience, scope)
        waited = 0.0
        while True:
            grant = self._load(grant_id)
            kept = grant.access_tokens.get(key)
            if kept is not None and self._lasts(kept):
                return kept, True
            claimed = self._claim(grant, time_limit)
            if claimed is not None:
                return self._refresh(claimed, audience, scope, key, time_limit), False
            if waited >= self._patience:
                raise ServiceRefused("grant_in_use", "Another worker is refreshing this grant.")
            self._clock.sleep(_POLL_INTERVAL)
            waited += _POLL_INTERVAL

    def provider_token(
        self, grant_id: str | None, *, connection: str, login_hint: str | None = None, time_limit: float
    ) -> ProviderToken:
        """Return an access token of the identity provider behind a connection, from Token Vault.

        The refresh token is the proof here and is not spent: Token Vault works without rotation only.

        Raises:
            ServiceRefused: As `access_token`, and `account_not_connected`, `connected_account_unknown`,
                `token_vault_refused`.
        """
        grant = self._load(grant_id)
        provider = self._providers(grant.tenant)
        if provider.rotates_refresh_tokens():
            raise ServiceRefused(
                "token_vault_refused",
                "Token Vault needs an application without refresh-token rotation: turn it off in the "
                "application, then set REFRESH_TOKEN_ROTATION to False.",
            )
        try:
            return provider.provider_token(
                grant.refresh_token, connection=connection, login_hint=login_hint, time_limit=time_limit
            )
        except ServiceRefused as error:
            self._end_if_dead(grant, error)
            raise

    def _load(self, grant_id: str | None) -> Grant:
        if not grant_id:
            raise ServiceRefused("grant_missing", "This sign-in brought no refresh token.")
        grant = self._store.load(grant_id)
        if grant is None:
            raise ServiceRefused("grant_dead", "The refresh token of this sign-in is over.")
        return grant

    def _forget(self, grant_id: str | None, key: str, token: AccessToken) -> None:
        """Drop a token, unless another request has replaced it, or is about to."""
        grant = self._load(grant_id)
        kept = grant.access_tokens.get(key)
        if kept is None or kept.value != token.value or grant.claimed_until is not None:
            return
        others = {name: each for name, each in grant.access_tokens.items() if name != key}
        self._store.settle(grant, refresh_token=grant.refresh_token, tokens=others)

    def _lasts(self, token: AccessToken) -> bool:
        return self._clock.now() < token.expires_at

    def _claim(self, grant: Grant, time_limit: float) -> Grant | None:
        """Claim the grant, or return None while another request holds it.

        Raises:
            ServiceRefused: `refresh_lost`: the request that held it did not come back, and with rotation it
                is unknown whether the refresh token is spent.
        """
        now = self._clock.now()
        if grant.claimed_until is not None:
            if now < grant.claimed_until:
                return None
            if self._providers(grant.tenant).rotates_refresh_tokens():
                self._lose(grant)
        return self._store.claim(grant, until=now + timedelta(seconds=time_limit + _CLAIM_MARGIN))

    def _refresh(self, grant: Grant, audience: str, scope: str, key: str, time_limit: float) -> AccessToken:
        provider = self._providers(grant.tenant)
        reached("refresh.claimed", "refresh")
        try:
            answer = provider.refresh(
                grant.refresh_token, audience=audience or None, scope=scope or None, time_limit=time_limit
            )
        except AnswerLost:
            if provider.rotates_refresh_tokens():
                self._lose(grant)
            self._store.release(grant)
            raise
        except (ProviderUnreachable, RateLimited):
            self._store.release(grant)
            raise
        except RefusedWithServerError as error:
            if provider.rotates_refresh_tokens():
                # It may be spent, and a second use would end more than this grant.
                self._store.end(grant, code=error.code, now=self._clock.now())
            else:
                self._store.release(grant)
            raise
        except ServiceRefused as error:
            if not self._end_if_dead(grant, error):
                self._store.release(grant)
            raise
        reached("refresh.answered", "refresh")
        token = self._kept(answer, scope or grant.scope)
        flaw = narrowed(answer, audience, scope)
        # A narrowed token is kept under no key that a caller asks for; a new refresh token is kept always.
        tokens = {name: each for name, each in grant.access_tokens.items() if self._lasts(each)}
        if flaw is None:
            tokens[key] = token
        rotated = answer.refresh_token
        is_kept = self._store.settle(grant, refresh_token=rotated or grant.refresh_token, tokens=tokens)
        if rotated is not None and not is_kept:
            self._store.drop(grant, rotated, now=self._clock.now())  # the grant has ended meanwhile
        reached("refresh.settled", "refresh")
        if flaw is not None:
            raise flaw
        return token

    def _kept(self, answer: TokenResponse, asked: str) -> AccessToken:
        said = answer.expires_in if answer.expires_in is not None else _DEFAULT_LIFETIME
        lifetime = float(min(max(said, 0), _LONGEST_LIFETIME))  # or no date is that late
        usable = lifetime - min(_SKEW, lifetime * _SKEW_SHARE)
        return AccessToken(
            value=answer.access_token,
            scope=granted_scope(answer, asked),
            expires_at=self._clock.now() + timedelta(seconds=usable),
        )

    def _lose(self, grant: Grant) -> None:
        """End a grant whose refresh token may be spent.

        Raises:
            ServiceRefused: `refresh_lost`, always.
        """
        self._store.end(grant, code="refresh_lost", now=self._clock.now())
        raise ServiceRefused("refresh_lost", "The refresh token was sent, and no answer came.") from None

    def _end_if_dead(self, grant: Grant, error: ServiceRefused) -> bool:
        if error.code != "grant_dead" or isinstance(error, RefusedWithServerError):
            return False
        self._store.end(grant, code=error.code, now=self._clock.now())
        return True
