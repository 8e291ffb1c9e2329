"""The state of a tenant: its configuration, and what it remembers. The endpoints work on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from stateful_oauth.emulator.clients import Api, Client, ClientGrant
from stateful_oauth.emulator.clock import Clock
from stateful_oauth.emulator.faults import Faults
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.issued import Issued
from stateful_oauth.emulator.keys import KeyRing
from stateful_oauth.emulator.ledger import Ledger
from stateful_oauth.emulator.logout_tokens import INITIATORS, LogoutTokens
from stateful_oauth.emulator.people import (
    DATABASE,
    Connection,
    Invitation,
    Organization,
    People,
    User,
)
from stateful_oauth.emulator.search_index import SearchIndex
from stateful_oauth.emulator.sessions import Browsers, Session
from stateful_oauth.emulator.settings import Settings
from stateful_oauth.emulator.system_apis import (
    MANAGEMENT_PATH,
    MANAGEMENT_SCOPES,
    MY_ACCOUNT_PATH,
    MY_ACCOUNT_SCOPES,
    management_api,
    moved,
    my_account_api,
)
from stateful_oauth.emulator.vault import ConnectedAccount, Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stateful_oauth.emulator.action_api import ActionApi, ActionEvent

Part = TypeVar("Part")

TOKEN_VAULT = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"  # noqa: S105 - a grant type
"""The grant type of Token Vault."""


class TenantState:
    """What the endpoints of a tenant work on; `Tenant` adds the ways in.

    ``settings`` are fields of ``Settings``.
    """

    def __init__(
        self, issuer: str = "https://tenant.example/", clock: Clock | None = None, **settings: Any
    ) -> None:
        self._issuer = issuer.rstrip("/") + "/"
        self.clock = clock or Clock()
        self.settings = Settings(**settings)
        self.lock = RLock()
        self.keys = KeyRing()
        self.clients: dict[str, Client] = {}
        self.apis: dict[str, Api] = {}
        self.client_grants: dict[tuple[str, str], ClientGrant] = {}
        self.people = People()
        self.people.connection(DATABASE)
        self.faults = Faults()
        self.ledger = Ledger(self.clock)
        self.requests: Counter[str] = Counter()
        self.browsers = Browsers()
        self.logout_tokens = LogoutTokens()
        self.issued = Issued()
        self.id_token_hook: Callable[[dict[str, Any], dict[str, Any]], str | None] | None = None
        self.token_reply_hook: Callable[[dict[str, Any]], None] | None = None
        self.on_login: Callable[[User, Client], str | None] | None = None
        self.action: Callable[[ActionEvent, ActionApi], None] | None = None
        self._parts: dict[type, Any] = {}
        self.vault = Vault(self.clock, self.settings, self.ledger)
        """The connected accounts (Token Vault)."""
        self.index = SearchIndex(self.people, self.clock, self.settings)
        self.apis[self.management_audience] = management_api(self.management_audience)

    @property
    def issuer(self) -> str:
        """The base URL with its slash. A new one takes the Management and My Account APIs along."""
        return self._issuer

    @issuer.setter
    def issuer(self, value: str) -> None:
        with self.lock:
            before, self._issuer = self._issuer, value
            paths = moved(before, value, self.clients.values())
            for api in self.apis.values():
                api.identifier = paths.get(api.identifier, api.identifier)
            self.apis = {api.identifier: api for api in self.apis.values()}
            for grant in self.client_grants.values():
                grant.audience = paths.get(grant.audience, grant.audience)
            self.client_grants = {(g.client_id, g.audience): g for g in self.client_grants.values()}

    @property
    def management_audience(self) -> str:
        """Audience of the Management API."""
        host = self.settings.canonical_domain
        return (f"https://{host}/" if host else self._issuer) + MANAGEMENT_PATH

    @property
    def my_account_audience(self) -> str:
        """Audience of the My Account API."""
        return self._issuer + MY_ACCOUNT_PATH

    @property
    def base_url(self) -> str:
        """The issuer without its slash: where to mount the adapter."""
        return self.issuer.rstrip("/")

    @property
    def domain(self) -> str:
        """Host, with the port if there is one."""
        return self.issuer.split("://", 1)[1].rstrip("/")

    # Configuration.

    def add_client(self, client_id: str | None = None, **fields: Any) -> Client:
        """Add an application; ``fields`` are those of ``Client``."""
        client = Client(client_id or opaque(24), **fields)
        with self.lock:
            self.clients[client.client_id] = client
        return client

    def add_connection(
        self, name: str, strategy: str | None = None, display_name: str = "", **fields: Any
    ) -> Connection:
        """Add a connection, or change it; ``fields`` are others of ``Connection``, such as ``scopes``.

        Without ``strategy`` its name (``google-oauth2``, ``github``, …) is one.
        """
        with self.lock:
            connection = self.people.connection(name)
            connection.strategy = strategy or connection.strategy
            connection.display_name = display_name
            for field, value in fields.items():
                if not hasattr(connection, field):
                    raise TypeError(f"A connection has no {field!r}.")
                setattr(connection, field, value)
        return connection

    def add_user(
        self,
        email: str | None = None,
        name: str = "",
        connection: str = DATABASE,
        *,
        password: str | None = None,
        email_verified: bool = True,
        user_id: str | None = None,
        signed_up: bool = True,
        blocked: bool = False,
        user_metadata: dict[str, Any] | None = None,
        app_metadata: dict[str, Any] | None = None,
        **profile: Any,
    ) -> User:
        """Add a person who can sign in. ``profile``: given_name, family_name, nickname, picture.

        ``user_id`` may be given with or without the connection's prefix. ``signed_up=False`` adds only the
        account at the provider: its Auth0 user is made when the person first signs in.
        """
        profile = {
            "email": email,
            "email_verified": email_verified and email is not None,
            "name": name,
            **profile,
        }
        with self.lock:
            account, user = self.people.add(profile, connection, password, user_id, self.clock.now())
            if signed_up:
                user.blocked, user.user_metadata, user.app_metadata = blocked, user_metadata, app_metadata
                self.people.users[user.user_id] = user
                self.ledger.record("user_created", user_id=user.user_id, connection=account.connection.name)
                self.index.note(user.user_id, settled=True)
        return user

    def add_api(self, identifier: str, *, scopes: Sequence[str] = (), **fields: Any) -> Api:
        """Add an API; ``identifier`` is the audience, ``fields`` are those of ``Api``."""
        api = Api(identifier, scopes=tuple(scopes), **fields)
        with self.lock:
            self.apis[identifier] = api
        return api

    def add_client_grant(self, client_id: str, audience: str, scopes: Sequence[str] = ()) -> ClientGrant:
        """Let a client ask for tokens for an API on its own behalf."""
        grant = ClientGrant(client_id, audience, tuple(scopes))
        with self.lock:
            self.client_grants[client_id, audience] = grant
        return grant

    def allow_management(self, client_id: str, scopes: Sequence[str] | None = None) -> ClientGrant:
        """Let a client have Management tokens with those scopes; None: all that there are."""
        wanted = MANAGEMENT_SCOPES if scopes is None else scopes
        return self.add_client_grant(client_id, self.management_audience, wanted)

    def use_canonical_domain(self, host: str) -> None:
        """Have the Management API, and the tokens for it, at a host of their own, as with a custom domain."""
        with self.lock:
            before = self.management_audience
            self.settings.canonical_domain = host
            self.apis[self.management_audience] = replace(
                self.apis.pop(before), identifier=self.management_audience
            )
            for grant in [each for each in self.client_grants.values() if each.audience == before]:
                del self.client_grants[grant.client_id, before]
                self.add_client_grant(grant.client_id, self.management_audience, grant.scopes)

    def allow_connected_accounts(self, client_id: str, scopes: Sequence[str] | None = None) -> Client:
        """Switch on what Connected Accounts need: My Account API, refresh policy, Token Vault grant type.

        ``scopes`` are those of My Account tokens; None: all three.
        """
        with self.lock:
            if client_id not in self.clients:
                raise ValueError(f"There is no client {client_id!r}.")
            self.apis.setdefault(self.my_account_audience, my_account_api(self.my_account_audience))
            client = self.clients[client_id]
            wanted = MY_ACCOUNT_SCOPES if scopes is None else tuple(scopes)
            client.refresh_policies = {**client.refresh_policies, self.my_account_audience: wanted}
            client.grant_types = tuple(dict.fromkeys([*client.grant_types, TOKEN_VAULT]))
        return client

    def connect_account(
        self, user_id: str, account: str, connection: str | None = None, scopes: Sequence[str] | None = None
    ) -> ConnectedAccount:
        """Connect an account at a provider to a user, as if both had gone through the connect flow.

        ``account`` is its email or user id (``google-oauth2|123``); ``add_user(signed_up=False)`` makes one.
        """
        with self.lock:
            found = self.people.find_account(account, connection)
            if user_id not in self.people.users or found is None or not found.connection.connectable:
                raise ValueError(f"{account!r} cannot be connected to {user_id!r}: one of them is not there.")
            wanted = found.connection.scopes if scopes is None else scopes
            return self.vault.connect(user_id, found, wanted)

    def connected_accounts(self, user: str | User) -> list[ConnectedAccount]:
        """Return the connected accounts of a user (or user id), oldest first."""
        return self.vault.accounts(user if isinstance(user, str) else user.user_id)

    def add_organization(
        self, name: str, *, org_id: str | None = None, display_name: str = "", members: Sequence[str] = ()
    ) -> Organization:
        """Add an organization; ``members`` are user ids."""
        organization = Organization(org_id or f"org_{opaque(12)}", name, display_name, set(members))
        with self.lock:
            self.people.organizations[organization.id] = organization
        return organization

    def invite(self, organization: Organization, email: str) -> Invitation:
        """Invite the owner of an email to an organization."""
        with self.lock:
            return self.people.invite(organization, email)

    def block_user(self, user_id: str, blocked: bool = True) -> None:
        """Block or unblock a user: no login and no refresh while blocked."""
        with self.lock:
            self.people.users[user_id].blocked = blocked
            self.index.note(user_id)
            if blocked and self.settings.block_ends_refresh_tokens:
                for family in self.issued.families(user_id):
                    self.issued.end(family)

    def delete_user(self, user_id: str) -> None:
        """Delete a user with all that it holds; its refresh tokens answer "doesn't exist anymore"."""
        with self.lock:
            user = self.people.users.get(user_id)
            if user is not None:
                self.forget_user(user_id)
                self.people.drop_credentials(user)
                self.ledger.record("user_deleted", user_id=user_id)
                self.index.note(user_id)

    # What the routes share.

    def part(self, kind: Callable[[TenantState], Part]) -> Part:
        """Return this tenant's one ``kind``, made on first use: state that an API brings along."""
        with self.lock:
            if kind not in self._parts:
                self._parts[cast("type", kind)] = kind(self)
            return cast("Part", self._parts[cast("type", kind)])

    def forget_user(self, user_id: str) -> None:
        """Take a user out, with its sessions, tokens, memberships and connected accounts."""
        self.people.remove(user_id)
        self.issued.forget_user(user_id)
        self.vault.forget_user(user_id)
        for session in self.browsers.drop_user(user_id):
            self.note_end(session, "account-deleted")

    def note_end(self, session: Session, reason: str) -> None:
        """Record the end of a session that is already forgotten."""
        self.ledger.record("session_ended", user_id=session.user_id, sid=session.sid, reason=reason)
        for client_id in sorted(session.clients) if reason in INITIATORS else ():
            self.owe_logout_token(client_id, session.user_id, session.sid, reason)

    def owe_logout_token(self, client_id: str, user_id: str, sid: str, reason: str) -> None:
        """Have a logout token delivered to a client: ``Tenant`` signs them."""

    def end_sessions(self, user_id: str, reason: str = "session-revoked") -> None:
        """End every session of a user, as an administrator does; ``reason`` is one of Auth0's initiators."""
        with self.lock:
            for session in self.browsers.drop_user(user_id):
                self.note_end(session, reason)

    def revoke_refresh_tokens(self, user_id: str, client_id: str | None = None) -> int:
        """Revoke the live refresh-token families of a user; return how many there were."""
        with self.lock:
            families = self.issued.families(user_id, client_id)
            for family in families:
                self.issued.end(family)
                self.ledger.record(
                    "family_revoked",
                    user_id=user_id,
                    client_id=family.client_id,
                    family=family.id,
                    reason="admin",
                )
            return len(families)

    def reset(self) -> None:
        """Forget everything that happened, and every planned fault; keep the configuration and the clock."""
        with self.lock:
            self.browsers, self.issued = Browsers(), Issued()
            self._parts.clear()
            self.faults.clear()
            self.ledger.clear()
            self.requests.clear()
            self.vault = Vault(self.clock, self.settings, self.ledger)
            self.index = SearchIndex(self.people, self.clock, self.settings)
