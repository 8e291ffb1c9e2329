"""Who there is: accounts at the tenant's connections, chosen so that every rule of linking has its people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.emulator import DATABASE

if TYPE_CHECKING:
    from stateful_oauth.emulator import Client, Tenant, User


@dataclass(frozen=True, slots=True)
class Account:
    """An account to sign in with, or to connect.

    Attributes:
        name: As a trace prints it.
        signed_up: Whether its Auth0 user is there from the beginning.
        password: Of a database account.
    """

    name: str
    email: str
    connection: str = DATABASE
    email_verified: bool = True
    signed_up: bool = True

    @property
    def user_id(self) -> str:
        """The Auth0 user id while it stands alone."""
        strategy = "auth0" if self.connection == DATABASE else self.connection
        return f"{strategy}|{self.name.lower().replace(' ', '-')}"

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


ACCOUNTS: Final = (
    Account("Ada", "ada@example.com"),
    Account("Ada at Google", "ada@example.com", "google-oauth2", signed_up=False),
    Account("Xpto", "xpto@acme.com"),
    Account("Qwerty at Google", "qwerty@gmail.com", "google-oauth2", signed_up=False),
    Account("Bob at Google", "bob@example.com", "google-oauth2"),
    Account("Bob", "bob@example.com", signed_up=False),
    Account("Mallory", "ada@example.com", "github", email_verified=False, signed_up=False),
    Account("Bob at GitHub", "bob@example.com", "github", signed_up=False),
)


# Keys of `app_metadata` that a project may merge: one that all accounts have, and one that each has alone.
APP_METADATA_KEYS: Final = ("plan", *(f"role {account.user_id}" for account in ACCOUNTS))


def add_accounts(tenant: Tenant, accounts: tuple[Account, ...]) -> None:
    """Add all accounts to the tenant, each with metadata of its own from its first sign-in on."""
    for name in dict.fromkeys(account.connection for account in accounts):
        if name != DATABASE:
            tenant.add_connection(name)
    for account in accounts:
        metadata: dict[str, Any] = (
            {"user_metadata": user_metadata(account.user_id), "app_metadata": app_metadata(account.user_id)}
            if account.signed_up
            else {}
        )
        tenant.add_user(
            email=account.email,
            name=account.name,
            connection=account.connection,
            email_verified=account.email_verified,
            user_id=account.user_id,
            signed_up=account.signed_up,
            **metadata,
        )
    tenant.on_login = _give_metadata


def _give_metadata(user: User, client: Client) -> None:
    """Do what an Action after the login does in many a tenant."""
    del client  # every client is treated alike
    if user.user_metadata is None:
        user.user_metadata, user.app_metadata = user_metadata(user.user_id), app_metadata(user.user_id)


def user_metadata(user_id: str) -> dict[str, Any]:
    """Return a member that every account has, and one that no other has."""
    return {"theme": f"of {user_id}", f"only {user_id}": "mine"}


def app_metadata(user_id: str) -> dict[str, Any]:
    """Return the same for `app_metadata`, where roles are kept."""
    return {"plan": f"of {user_id}", f"role {user_id}": "mine"}
