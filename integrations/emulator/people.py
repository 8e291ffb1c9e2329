"""Connections, people, their Auth0 users, and organizations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.ids import alphanumeric, digits, opaque, same, short_hex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DATABASE = "Username-Password-Authentication"
OPENID_SCOPES = ("openid", "profile", "email")
_DEFAULT_SCOPES = {"google-oauth2": OPENID_SCOPES, "windowslive": OPENID_SCOPES}
PROFILE_FIELDS = ("email", "email_verified", "name", "given_name", "family_name", "nickname", "picture")


@dataclass
class Connection:
    """A source of identities. ``strategy`` is also the prefix of its user ids (``auth0`` for databases)."""

    name: str
    strategy: str = "auth0"
    display_name: str = ""
    scopes: Sequence[str] = ()
    """What the dashboard asks of the provider; a connect request with ``scopes`` replaces them."""
    connected_accounts: bool = True
    """Its purpose includes Connected Accounts for Token Vault; a database has nothing to connect."""
    refresh_tokens: bool = True
    """False for providers that give none, such as classic GitHub OAuth Apps."""
    refresh_token_ttl: int | None = None
    """Seconds until the provider lets its refresh tokens expire; Google in "Testing" mode: 7 days."""
    id: str = field(default_factory=lambda: f"con_{alphanumeric(16)}")

    @property
    def connectable(self) -> bool:
        """Whether accounts at it can be connected."""
        return self.connected_accounts and not self.database

    @property
    def database(self) -> bool:
        """Whether people sign in to it with a password that the tenant keeps."""
        return self.strategy == "auth0"

    @property
    def title(self) -> str:
        """What people see."""
        known = {"google-oauth2": "Google", "github": "GitHub", "windowslive": "Microsoft", "apple": "Apple"}
        return self.display_name or known.get(self.name, "Email and password" if self.database else self.name)


@dataclass(frozen=True)
class Identity:
    """One identity of a user: what ``identities[]`` of the Management API shows."""

    connection: str
    provider: str
    user_id: str
    """Without the provider's prefix."""
    profile: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_social(self) -> bool:
        """Whether it comes from outside the tenant."""
        return self.provider != "auth0"


@dataclass
class User:
    """An Auth0 user; ``user_id`` is the ``sub`` of its tokens. ``identities[0]`` is the main one."""

    user_id: str
    identities: list[Identity]
    email: str | None = None
    email_verified: bool = False
    name: str = ""
    given_name: str | None = None
    family_name: str | None = None
    nickname: str | None = None
    picture: str | None = None
    blocked: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    logins_count: int = 0
    last_login: float | None = None

    @property
    def connection(self) -> str:
        """Name of the main identity's connection."""
        return self.identities[0].connection


@dataclass
class Account:
    """What a person signs in with at one connection. Outside databases it outlives the Auth0 user."""

    connection: Connection
    identifier: str
    profile: dict[str, Any]
    password: str | None = None

    @property
    def user_id(self) -> str:
        """The user id that Auth0 gives to this identity while it stands alone."""
        return f"{self.connection.strategy}|{self.identifier}"

    @property
    def label(self) -> str:
        """What people see."""
        return str(self.profile.get("name") or self.profile.get("email") or self.user_id)

    @property
    def identity(self) -> Identity:
        """Its identity, as a user has it."""
        return Identity(self.connection.name, self.connection.strategy, self.identifier, dict(self.profile))


@dataclass
class Organization:
    """An Auth0 Organization with the user ids of its members."""

    id: str
    name: str
    display_name: str = ""
    members: set[str] = field(default_factory=set)
    connections: Sequence[str] | None = None


@dataclass
class Invitation:
    """An invitation to an organization; ``ticket`` is the ``invitation`` parameter of /authorize."""

    ticket: str
    organization: Organization
    email: str
    used: bool = False


class People:
    """The directory of a tenant."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.accounts: list[Account] = []
        self.users: dict[str, User] = {}
        self.organizations: dict[str, Organization] = {}
        self.invitations: dict[str, Invitation] = {}

    def connection(self, name: str) -> Connection:
        """Return the connection, made on first mention: its name is then its strategy."""
        if name not in self.connections:
            strategy = "auth0" if name == DATABASE else name
            self.connections[name] = Connection(name, strategy, scopes=_DEFAULT_SCOPES.get(name, ()))
        return self.connections[name]

    def add(
        self, profile: dict[str, Any], connection: str, password: str | None, user_id: str | None, now: float
    ) -> tuple[Account, User]:
        """Make an account and its user; the user is not in the directory yet (see ``enter``)."""
        where = self.connection(connection)
        made = digits() if where.strategy == "google-oauth2" else short_hex()
        identifier = (user_id or made).removeprefix(f"{where.strategy}|")
        if self.account_at(where.name, identifier) is not None:
            raise ValueError(f"There is already a user {where.strategy}|{identifier} at {where.name}.")
        if where.database and profile.get("email"):
            # Databases keep emails in lower case; providers' emails stay as they are.
            profile["email"] = profile["email"].lower()
        account = Account(where, identifier, profile, password)
        self.accounts.append(account)
        return account, user_of(account, now)

    def enter(self, account: Account, now: float) -> tuple[User, bool]:
        """Return the user who holds the account's identity, and whether it had to be made (a first login)."""
        holder = self.holder(account.connection.name, account.identifier)
        if holder is not None:
            return holder, False
        user = user_of(account, now)
        self.users[user.user_id] = user
        return user, True

    def holder(self, connection: str, identifier: str) -> User | None:
        """Return the user among whose identities this one is; after a link that is the primary."""
        direct = self.users.get(f"{self.connection(connection).strategy}|{identifier}")
        if direct is not None and direct.connection == connection:
            return direct
        for user in self.users.values():
            for identity in user.identities:
                if identity.connection == connection and identity.user_id == identifier:
                    return user
        return None

    def account_at(self, connection: str, identifier: str) -> Account | None:
        """Return the account with that identifier at the connection."""
        for account in self.accounts:
            if account.connection.name == connection and account.identifier == identifier:
                return account
        return None

    def find_account(self, who: str, connection: str | None = None) -> Account | None:
        """Return the account with that email or user id, at the connection if one is named."""
        for account in self.accounts:
            if connection in {None, account.connection.name} and _is(account, who):
                return account
        # The email of the Auth0 user may have been changed since.
        for user in self.users.values():
            if user.email == who and connection in {None, user.connection}:
                return self.account_at(user.connection, user.identities[0].user_id)
        return None

    def check_password(self, email: str, password: str, connection: str) -> Account | None:
        """Return the database account with that email and password."""
        for account in self.accounts:
            if (
                account.connection.name == connection
                and account.password is not None
                and str(account.profile.get("email", "")).lower() == email.strip().lower()
                and same(password, account.password)
            ):
                return account
        return None

    def remove(self, user_id: str) -> User | None:
        """Take a user out; the accounts that it signed in with stay where they are."""
        user = self.users.pop(user_id, None)
        for organization in self.organizations.values():
            organization.members.discard(user_id)
        return user

    def drop_credentials(self, user: User) -> None:
        """Forget the database credentials of a deleted user."""
        gone = {(i.connection, i.user_id) for i in user.identities if not i.is_social}
        self.accounts = [a for a in self.accounts if (a.connection.name, a.identifier) not in gone]

    def organization(self, id_or_name: str) -> Organization | None:
        """Return the organization with that ``org_…`` id or that name."""
        for organization in self.organizations.values():
            if id_or_name in {organization.id, organization.name}:
                return organization
        return None

    def invite(self, organization: Organization, email: str) -> Invitation:
        """Make an invitation."""
        invitation = Invitation(opaque(24), organization, email)
        self.invitations[invitation.ticket] = invitation
        return invitation

    def grouped(self, client_allows: Sequence[str] | None) -> Iterator[tuple[Connection, list[Account]]]:
        """Yield the connections with their accounts, in the order in which they were added."""
        for connection in self.connections.values():
            if client_allows is None or connection.name in client_allows:
                yield connection, [a for a in self.accounts if a.connection is connection]


def user_of(account: Account, now: float) -> User:
    """Return the user that an account has while it stands alone."""
    profile = {
        name: account.profile[name] for name in PROFILE_FIELDS if account.profile.get(name) is not None
    }
    main = replace(account.identity, profile={})
    return User(account.user_id, [main], **profile, created_at=now, updated_at=now)


def _is(account: Account, who: str) -> bool:
    email = account.profile.get("email")
    return who in {account.user_id, email} or (account.connection.database and who.lower() == email)
