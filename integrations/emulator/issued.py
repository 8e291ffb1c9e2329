"""Codes and tokens that the tenant has issued."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stateful_oauth.emulator.ids import opaque

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.emulator.sessions import Ask, Session


@dataclass
class Code:
    """An authorization code, with what its first use issued."""

    value: str
    ask: Ask
    user_id: str
    sid: str
    auth_time: float
    mfa: bool
    scopes: Sequence[str]
    expires_at: float
    used: bool = False
    family: Family | None = None
    access_token: str | None = None


@dataclass
class RefreshToken:
    """One token of a family."""

    value: str
    family: Family
    generation: int = 0
    used_at: float | None = None


@dataclass
class Family:
    """A refresh token and all that came from it by rotation."""

    client_id: str
    user_id: str
    sid: str
    audience: str | None
    scopes: Sequence[str]
    expires_at: float
    organization_id: str | None = None
    id: str = field(default_factory=lambda: opaque(12))
    generation: int = 0
    revoked: bool = False
    orphaned: bool = False
    """Its user was deleted or linked away. It stays so when a user of that id comes into being again."""
    tokens: list[RefreshToken] = field(default_factory=list)


@dataclass
class OpaqueAccess:
    """An access token without an API audience: good for /userinfo."""

    user_id: str
    client_id: str
    scopes: Sequence[str]
    expires_at: float


class Issued:
    """The stores; nothing here decides who may have what."""

    def __init__(self) -> None:
        self.codes: dict[str, Code] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.access: dict[str, OpaqueAccess] = {}
        self.hosts: dict[str, str] = {}
        """At which host each access token was got."""
        self.consents: dict[tuple[str, str], set[str]] = {}
        self.assertions: dict[tuple[str, str], float] = {}
        self._families: dict[tuple[str, str], list[Family]] = {}

    def new_code(
        self, ask: Ask, session: Session, mfa: bool, scopes: Sequence[str], expires_at: float
    ) -> Code:
        """Keep and return a new code."""
        code = Code(opaque(), ask, session.user_id, session.sid, session.auth_time, mfa, scopes, expires_at)
        self.codes[code.value] = code
        return code

    def add_family(self, family: Family, limit: int) -> RefreshToken:
        """Keep a new family and return its first token; beyond ``limit`` the oldest one goes, silently."""
        siblings = self._families.setdefault((family.user_id, family.client_id), [])
        siblings.append(family)
        for oldest in siblings[:-limit]:
            self.end(oldest)
        return self.add_token(family, 0)

    def add_token(self, family: Family, generation: int) -> RefreshToken:
        """Keep and return the family's next token."""
        token = RefreshToken(f"v1.{opaque()}", family, generation)
        family.generation = max(family.generation, generation)
        family.tokens.append(token)
        self.refresh[token.value] = token
        return token

    def end(self, family: Family) -> bool:
        """Revoke a family; say whether it was alive. Its tokens stay known, so that a reuse is recognised."""
        alive = not family.revoked
        family.revoked = True
        siblings = self._families.get((family.user_id, family.client_id), [])
        if family in siblings:
            siblings.remove(family)
        return alive

    def forget_user(self, user_id: str) -> None:
        """End what a user holds that is gone: refresh tokens are orphaned, codes and tokens are over."""
        for key in [key for key in self._families if key[0] == user_id]:
            for family in self._families.pop(key):
                family.orphaned = True
        for code in self.codes.values():
            if code.user_id == user_id and not code.used:
                code.expires_at = 0.0
        for value in [value for value, access in self.access.items() if access.user_id == user_id]:
            del self.access[value]

    def living(self, now: float) -> list[Family]:
        """Return the families whose tokens the tenant honours, of all users."""
        return [
            family for families in self._families.values() for family in families if now < family.expires_at
        ]

    def families(self, user_id: str, client_id: str | None = None) -> list[Family]:
        """Return the live families of a user, with one client or with all."""
        return [
            family
            for (user, client), families in self._families.items()
            if user == user_id and client_id in {None, client}
            for family in families
        ]
