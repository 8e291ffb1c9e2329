"""Connected accounts and the providers' tokens behind them (docs/auth0-contract.md §4.5, §7).

A connected account is one person's account at a provider, held by a user for calls to that provider. It is
no identity of the user, and a login never fills the vault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from stateful_oauth.emulator.ids import alphanumeric, opaque

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from stateful_oauth.emulator.clock import Clock
    from stateful_oauth.emulator.ledger import Ledger
    from stateful_oauth.emulator.people import Account
    from stateful_oauth.emulator.settings import Settings


@dataclass
class ProviderToken:
    """An access token of a provider."""

    value: str
    row: ConnectedAccount
    expires_at: float


@dataclass
class ConnectedAccount:
    """A user's access to an account at a provider; ``id`` is new whenever it is connected again."""

    user_id: str
    account: Account
    scopes: Sequence[str]
    created_at: float
    sequence: int
    """Ascending in the order of connecting: what list cursors point at."""
    org_id: str | None = None
    expires_at: float | None = None
    """When the provider lets the refresh token expire, if it does."""
    last_used: float = 0.0
    revoked: bool = False
    """The person took the access back at the provider: its tokens are dead there."""
    id: str = field(default_factory=lambda: f"cac_{alphanumeric()}")
    token: ProviderToken | None = None

    @property
    def connection(self) -> str:
        """Name of the connection."""
        return self.account.connection.name

    @property
    def provider_user_id(self) -> str:
        """The provider's own id of the person."""
        return self.account.identifier

    @property
    def email(self) -> str | None:
        """The email that the provider knows."""
        return self.account.profile.get("email")


class Vault:
    """The connected accounts of a tenant, and the providers' tokens for them."""

    def __init__(self, clock: Clock, settings: Settings, ledger: Ledger) -> None:
        self._clock, self._settings, self._ledger = clock, settings, ledger
        self._rows: dict[str, ConnectedAccount] = {}
        self._tokens: dict[str, ProviderToken] = {}
        self._sequence = count(1)

    def __iter__(self) -> Iterator[ConnectedAccount]:
        return iter(list(self._rows.values()))

    def accounts(self, user_id: str, connections: Collection[str] = ()) -> list[ConnectedAccount]:
        """Return the accounts of a user, oldest first; ``connections`` narrows."""
        return [
            row
            for row in self._rows.values()
            if row.user_id == user_id and (not connections or row.connection in connections)
        ]

    def get(self, account_id: str) -> ConnectedAccount | None:
        """Return the account with that ``cac_…`` id."""
        return self._rows.get(account_id)

    def connect(
        self, user_id: str, account: Account, scopes: Sequence[str], org_id: str | None = None
    ) -> ConnectedAccount:
        """Connect an account; the same account again replaces the row, under a new id."""
        now, ttl = self._clock.now(), account.connection.refresh_token_ttl
        for old in self.accounts(user_id, {account.connection.name}):
            same = old.provider_user_id == account.identifier and old.org_id == org_id
            if same and not self._settings.keeps_replaced_account:
                self.disconnect(old, "replaced")
        row = ConnectedAccount(
            user_id,
            account,
            tuple(scopes),
            now,
            next(self._sequence),
            org_id,
            None if ttl is None else now + ttl,
            last_used=now,
        )
        self._rows[row.id] = row
        self._record("account_connected", row)
        return row

    def disconnect(self, row: ConnectedAccount, reason: str = "deleted") -> None:
        """Forget an account; the grant at the provider, and its tokens, live on."""
        if self._rows.pop(row.id, None) is not None:
            self._record("account_disconnected", row, reason=reason)

    def forget_user(self, user_id: str) -> None:
        """Forget the accounts of a user that is gone."""
        for row in self.accounts(user_id):
            self.disconnect(row, "user_gone")

    def revoke_at_provider(self, account_id: str) -> None:
        """Take the access back at the provider, as a person does in their settings there."""
        row = self._rows[account_id]
        row.revoked, row.token = True, None

    def refreshable(self, row: ConnectedAccount) -> bool:
        """Whether the vault still holds a refresh token of the provider for the account."""
        now = self._clock.now()
        fresh = row.expires_at is None or now < row.expires_at
        used = now < row.last_used + self._settings.vault_idle_ttl
        return row.account.connection.refresh_tokens and fresh and used

    def access_token(self, row: ConnectedAccount) -> tuple[str, int]:
        """Return the provider's access token for an account, and the seconds that it has left."""
        now = self._clock.now()
        row.last_used = now
        if row.token is None or row.token.expires_at - now < 1:
            row.token = ProviderToken(opaque(48), row, now + self._settings.vault_token_ttl)
            self._tokens[row.token.value] = row.token
        return row.token.value, int(row.token.expires_at - now)

    def holder(self, token: str) -> ConnectedAccount | None:
        """Return the account that a provider's access token opens now."""
        found = self._tokens.get(token)
        if found is None or found.row.revoked or found.expires_at <= self._clock.now():
            return None
        return found.row

    def _record(self, effect: str, row: ConnectedAccount, **more: str) -> None:
        self._ledger.record(
            effect,
            user_id=row.user_id,
            connection=row.connection,
            account=row.id,
            provider_user_id=row.provider_user_id,
            **more,
        )
