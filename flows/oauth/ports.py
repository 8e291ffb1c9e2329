"""What the flows of this package need from other packages, which implement these protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from stateful_oauth.flows.engine.ports import Caller

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.accounts import (
        AccountOwner,
        ConnectionInfo,
        ConnectRequest,
        ConnectSession,
        ProviderToken,
        ProviderUser,
        RemoteAccount,
        UserProfile,
    )
    from stateful_oauth.flows.oauth.grants import AccessToken, Grant
    from stateful_oauth.flows.oauth.inputs import LinkingChoices
    from stateful_oauth.flows.oauth.openid import (
        AuthorizationRequest,
        IdTokenExpectation,
        PushedAuthorizationResponse,
        TokenResponse,
        VerifiedIdentity,
    )
    from stateful_oauth.flows.oauth.sign_in import KnownUser


class Provider(Protocol):
    """The OpenID Provider of one tenant.

    Methods raise `FlowError` with a code; time limits are in seconds and bound the whole call.
    """

    @property
    def issuer(self) -> str:
        """The issuer, byte-exact."""

    def sends_issuer(self) -> bool:
        """Whether callbacks must carry `iss` (RFC 9207 §3, provider metadata)."""

    def uses_pushed_authorization_requests(self) -> bool:
        """Whether authorization requests are pushed (RFC 9126)."""

    def takes_pushed_authorization_requests(self) -> bool:
        """Whether the provider takes pushed requests, whatever the settings say (provider metadata)."""

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL to send the browser to."""

    def pushed_authorization_url(self, request_uri: Secret) -> str:
        """Return the URL to send the browser to after a push."""

    def push_authorization_request(
        self, request: AuthorizationRequest, *, time_limit: float
    ) -> PushedAuthorizationResponse:
        """Push the request (RFC 9126 §2)."""

    def exchange_code(
        self, *, code: Secret, redirect_uri: str, code_verifier: Secret, time_limit: float
    ) -> TokenResponse:
        """Exchange an authorization code for tokens (RFC 6749 §4.1.3)."""

    def verify_id_token(
        self, id_token: Secret, expected: IdTokenExpectation, *, now: datetime
    ) -> VerifiedIdentity:
        """Check every rule of the ID token.

        Raises:
            Mismatch: The nonce, organization or subject is not the one asked for.
            IdTokenRejected: Any other rule is broken.
        """

    def with_userinfo(
        self, identity: VerifiedIdentity, access_token: Secret, *, scope: str, time_limit: float
    ) -> VerifiedIdentity:
        """Add the claims that UserInfo has and the ID token lacks, where the settings ask for it.

        Raises:
            FlowError: `userinfo_failed`, `userinfo_rejected`, `userinfo_subject_mismatch`, or
                `claims_distributed`; nothing that would have the exchange repeated.
        """

    def keeps_refresh_token(self, scope: str) -> bool:
        """Whether a refresh token that came is kept, where this scope was asked for."""

    def revokes_refresh_tokens(self) -> bool:
        """Whether the provider revokes refresh tokens, as far as is known. It is not called for that."""

    def wants_id_token_hint(self) -> bool:
        """Whether a sign-out sends the ID token, so that the session has to keep it."""

    def revoke_refresh_token(self, token: Secret, *, time_limit: float) -> None:
        """Revoke a refresh token (RFC 7009). Safe to repeat; an unknown token counts as revoked."""

    def rotates_refresh_tokens(self) -> bool:
        """Whether a refresh token must be assumed dead once it was sent (a setting of the application)."""

    def refresh(
        self,
        refresh_token: Secret,
        *,
        audience: str | None = None,
        scope: str | None = None,
        time_limit: float,
    ) -> TokenResponse:
        """Ask for an access token (RFC 6749 §6; Auth0: multi-resource refresh tokens).

        The provider narrows silently: the caller compares `scope` and `audience` of the answer.

        Args:
            audience: None for the one of the grant.
            scope: None for all that was granted.

        Raises:
            ServiceRefused: `grant_dead` for `invalid_grant`, `step_up_required` when the user has to prove
                more, `client_rejected` for the application itself.
            AnswerLost: It was sent and no usable answer came: with rotation the refresh token may be spent.
        """

    def provider_token(
        self, refresh_token: Secret, *, connection: str, login_hint: str | None = None, time_limit: float
    ) -> ProviderToken:
        """Ask Token Vault for an access token of the identity provider behind a connection.

        Args:
            login_hint: The provider's user id or email, when one connection has several accounts.

        Raises:
            ServiceRefused: `account_not_connected`, `connected_account_unknown` (wrong `login_hint`),
                `grant_dead`, `step_up_required`, or `token_vault_refused` for the configuration.
        """

    def provider_user(
        self, token: ProviderToken, *, connection: str, strategy: str, time_limit: float
    ) -> ProviderUser | None:
        """Ask the identity provider whose access token it is, or return None if there is no way to ask.

        Raises:
            FlowError: It was asked and did not say.
        """

    @property
    def my_account(self) -> MyAccount:
        """Auth0's My Account API."""

    @property
    def management(self) -> Management:
        """Auth0's Management API.

        Raises:
            FlowError: `management_not_configured`.
        """


class MyAccount(Protocol):
    """Auth0's My Account API, for the user whose access token it is.

    Every method raises `ServiceRefused` with `my_account_token_rejected` (401), `scope_not_granted` (403) or
    `request_rejected`, `RateLimited` for 429, `ProviderUnreachable`, and `AnswerLost`.
    """

    @property
    def audience(self) -> str:
        """What an access token for it is asked for with: `https://D/me/`."""

    def connect(self, token: Secret, request: ConnectRequest, *, time_limit: float) -> ConnectSession:
        """Ask for a connected account. Raises `connection_unknown` as well."""

    def complete(
        self,
        token: Secret,
        *,
        auth_session: Secret,
        connect_code: Secret,
        redirect_uri: str,
        code_verifier: Secret,
        time_limit: float,
    ) -> RemoteAccount:
        """Connect the account; the code is single-use.

        Raises:
            ServiceRefused: `connect_session_over`, or `connect_code_rejected`.
            AnswerLost: Also for 409, which does not say whether it was this attempt that used the code.
        """

    def accounts(
        self, token: Secret, *, connection: str | None = None, time_limit: float
    ) -> Sequence[RemoteAccount]:
        """List the user's connected accounts, all pages."""

    def connections(self, token: Secret, *, time_limit: float) -> Sequence[ConnectionInfo]:
        """List the connections at which accounts can be connected, all pages."""

    def disconnect(self, token: Secret, account_id: str, *, time_limit: float) -> None:
        """Delete a connected account. After any error the list of accounts tells whether it is gone.

        Raises:
            ServiceRefused: `input_invalid` for what is no account id, before anything is sent.
        """


class Management(Protocol):
    """Auth0's Management API, with a token of the application's own.

    Every method raises `ServiceRefused` with `management_refused` (401 also after a fresh token),
    `management_scope_missing` (403, or the token lacks the scope; the message names it), or
    `request_rejected` (400), `RateLimited` for 429, `ProviderUnreachable`, and `AnswerLost`.
    Nothing is cached but the token.
    """

    def user(self, user_id: str, *, time_limit: float) -> UserProfile | None:
        """Return a user by id, immediately consistent, or None."""

    def users_by_email(self, email: str, *, time_limit: float) -> Sequence[UserProfile]:
        """Return the users with exactly this profile email (`users-by-email`, never the search index).

        Without their metadata. A user whose profile cannot be read has no identities.
        """

    def connected_accounts(self, user_id: str, *, time_limit: float) -> Sequence[RemoteAccount]:
        """List a user's connected accounts, all pages.

        Raises:
            ServiceRefused: `user_unknown`.
        """

    def update_metadata(
        self,
        user_id: str,
        *,
        user_metadata: Mapping[str, Any],
        app_metadata: Mapping[str, Any],
        time_limit: float,
    ) -> None:
        """Merge metadata at its first level. An empty mapping is not sent, because `{}` deletes all of it.

        Raises:
            ServiceRefused: `user_unknown`, or `request_rejected`: the profile would be too large, say.
        """

    def link(self, primary_id: str, *, provider: str, user_id: str, time_limit: float) -> None:
        """Make another user's main identity one of the primary's. Never repeated by the client itself.

        Raises:
            ServiceRefused: `link_exists` (409), `link_refused` (400), or `user_unknown` (404).
            AnswerLost: Whether it happened is unknown.
        """

    def unlink(self, primary_id: str, *, provider: str, user_id: str, time_limit: float) -> None:
        """Take an identity out of the primary; one that is not there counts as taken out.

        After any error the primary's identities tell whether it is out.

        Raises:
            ServiceRefused: `unlink_refused` (400: it is the main identity), or `user_unknown`.
        """


class GrantStore(Protocol):
    """Where grants live. Each method is one short database transaction of its own."""

    def load(self, grant_id: str) -> Grant | None:
        """Return a grant that has not ended, or None."""

    def claim(self, grant: Grant, *, until: datetime) -> Grant | None:
        """Note that its refresh token is being used, or return None if another request moved the grant."""

    def settle(self, grant: Grant, *, refresh_token: Secret, tokens: Mapping[str, AccessToken]) -> bool:
        """Keep what a refresh brought, and give the claim back; False when the claim was lost."""

    def release(self, grant: Grant) -> None:
        """Give a claim back: nothing was spent."""

    def end(self, grant: Grant, *, code: str, now: datetime) -> None:
        """Wipe a grant that is of no use any more, keep the code that says why, and have it revoked."""

    def drop(self, grant: Grant, refresh_token: Secret, *, now: datetime) -> None:
        """Have a refresh token revoked that came too late for its grant."""


class CodeMemory(Protocol):
    """Remembers which codes were sent to the provider, beyond the rows: a database may lose some."""

    def may_send(self, code: Secret) -> bool:
        """Return whether a code was not sent before, and remember that it is sent now."""


class AccountDirectory(Protocol):
    """Who is known here, for decisions about linking. It only reads.

    Nothing is cached (docs/security-checklist.md L7).

    Every method raises `StoreUnavailable` when the database does not answer.
    """

    def owners_of(self, issuer: str, *, connection: str, provider_user_id: str) -> Sequence[AccountOwner]:
        """Return who connected this account at a provider, by the provider's own user id."""

    def user_of(self, issuer: str, subject: str) -> str | None:
        """Return the Django user of an identity, as text, or None when it is not known here."""

    def connected(self, issuer: str, subject: str, *, connection: str) -> Mapping[str, str]:
        """Return what a user has connected at a connection: the provider's user ids, by id (`cac_…`).

        The user id is empty if the account could not be identified.
        """

    def unlinked_from(self, issuer: str, subject: str, others: Collection[str]) -> Collection[str]:
        """Return those of the others that were linked to this one, or it to them, and no longer are."""

    def inactive(self, issuer: str, subjects: Collection[str]) -> Collection[str]:
        """Return those whose identity is known here, with a Django user who is not active."""

    def is_linked(self, issuer: str, subject: str) -> bool:
        """Whether an account is part of another one by now: at the provider it is none of its own."""

    def linked_to(self, issuer: str, subject: str) -> str | None:
        """Return the `sub` of the primary that an account is part of, as far as this site knows, or None."""


class AccountCaller(Caller, Protocol):
    """A caller who can say which user of this site an identity is."""

    def link_check_due(self, identity: VerifiedIdentity) -> bool:
        """Whether candidates that this identity might be linked to were never looked for."""

    def linking_choices(self, tenant: str) -> LinkingChoices:
        """Return what the project chooses about linking at this moment: mode, trust and `app_metadata`."""

    def check_may_sign_in(self, identity: VerifiedIdentity) -> None:
        """Ask whether this identity would be let in, and change nothing.

        Raises:
            AccountRefused: It would not.
        """

    def standing_of(self, identity: VerifiedIdentity) -> str:
        """Return how a sign-in of this identity stands with its user's sessions.

        A keyed digest that changes with whatever ends the user's sessions: another password, or an ending of
        our own. An empty string where the identity is not known here. `resolve_account` refuses an identity
        whose `standing` is another one by then.
        """

    def session_of(self, subject: str) -> Mapping[str, Any]:
        """Return what the session of this browser keeps of its sign-in, or nothing for another `sub`."""

    def resolve_account(self, identity: VerifiedIdentity, *, tenant: str) -> KnownUser:
        """Find or make the Django user of this identity, inside the settle transaction.

        Args:
            tenant: The alias of the tenant at which the user signed in.

        Raises:
            AccountRefused: The project does not let this identity in; or `sign_in_outdated`: the user's
                sessions were ended, or the email was proved, since the claims were obtained.
        """

    def sealed_for_session(self, id_token: Secret) -> str:
        """Return an ID token encrypted, as the session keeps it for the sign-out."""

    def accounts_linked(self, *, primary: str, secondary: str) -> None:
        """Do what becomes of the Django user whose account is one with another's now.

        Called inside the settle transaction.

        Args:
            primary: The user who stays, as text.
            secondary: The user whose account at the provider is gone.
        """
