"""What a step reads and writes: in the database and at the tenant. Two steps that share nothing commute."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Place = tuple[str, str]
"""A kind of thing, and which one; `*` is all of a kind."""

# Rows of these belong to one transaction, which their statements name: two transactions share nothing here.
_ROWS: Final = {model._meta.db_table for model in (FlowTransaction, TransitionRecord)}
_TABLES: Final = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+\"(\w+)\"")
_WRITES: Final = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


@dataclass
class Accesses:
    """The places that a step touched."""

    reads: set[Place] = field(default_factory=set)
    writes: set[Place] = field(default_factory=set)

    def conflicts_with(self, other: Accesses) -> bool:
        """Whether the order of the two steps may matter: one writes what the other one touches."""
        return _meet(self.writes, other.writes | other.reads) or _meet(other.writes, self.reads)

    def note(self, places: Iterable[Place], *, written: bool) -> None:
        """Add places."""
        (self.writes if written else self.reads).update(places)


def _meet(some: set[Place], others: set[Place]) -> bool:
    return any(kind == kind_ and (name == name_ or "*" in {name, name_})
               for kind, name in some for kind_, name_ in others)  # fmt: skip


def touched_by_statement(
    sql: str, params: object, names: Mapping[str, str]
) -> tuple[list[Place], list[Place]]:
    """Return what a statement of Django's reads and writes.

    Args:
        names: How the transactions are called, by the digits of their ids.
    """
    tables = list(dict.fromkeys(_TABLES.findall(sql)))
    places = [place for table in tables for place in _places(table, params, names)]
    if not _WRITES.match(sql):
        return places, []
    written = _places(tables[0], params, names)
    return places, written


def _places(table: str, params: object, names: Mapping[str, str]) -> list[Place]:
    if table not in _ROWS:
        return [("table", table)]
    found = [names.get(digits, digits) for digits in ids_in(params)]
    return [("transaction", name) for name in found] or [("transaction", "*")]


def ids_in(params: object) -> list[str]:
    """Return the digits of the ids among a statement's parameters, in order."""
    values: Iterable[Any] = params if isinstance(params, (list, tuple)) else ()
    texts = (str(value) for value in values)
    return [text.replace("-", "") for text in texts if _UUID.fullmatch(text)]


# What the tenant keeps, as far as these requests are about it. What is not listed touches everything.
_USERS, _FAMILIES, _VAULT = (("tenant", name) for name in ("users", "families", "vault"))
_EVERYTHING: Final = ("tenant", "*")
_REQUESTS: Final[tuple[tuple[str, str, tuple[Place, ...], tuple[Place, ...]], ...]] = (
    ("GET", r"/\.well-known/.*", (), ()),
    ("POST", r"/oauth/token authorization_code", (_USERS,), ()),  # and its code
    ("POST", r"/oauth/token refresh_token", (_USERS,), (_FAMILIES,)),
    ("POST", r"/oauth/token client_credentials", (), ()),
    ("POST", r"/oauth/token .*token-exchange.*", (_USERS, _FAMILIES, _VAULT), ()),
    ("POST", r"/oauth/revoke", (), (_FAMILIES,)),
    ("GET", r"/api/v2/users.*", (_USERS,), ()),
    ("PATCH", r"/api/v2/users/[^/]*", (), (_USERS,)),
    ("GET", r"/me/v1/connected-accounts/.*", (_USERS, _VAULT), ()),
    ("POST", r"/me/v1/connected-accounts/connect", (_USERS,), (("tenant", "sessions"),)),
    ("POST", r"/me/v1/connected-accounts/complete", (_USERS, ("tenant", "sessions")), (_VAULT,)),
    ("DELETE", r"/me/v1/connected-accounts/accounts/.*", (_USERS,), (_VAULT,)),
    ("GET", r"/_provider/.*", (_USERS,), ()),
)


def touched_by_request(
    environ: Mapping[str, Any], codes: Mapping[str, str]
) -> tuple[list[Place], list[Place]]:
    """Return what a request reads and writes at an emulated tenant.

    Args:
        codes: How the codes are called that the tenant issued.
    """
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    form: Mapping[str, list[str]] = {}
    if path.endswith("/oauth/token"):
        form = parse_qs(environ["wsgi.input"].getvalue().decode())
        path = f"/oauth/token {''.join(form.get('grant_type', []))}"
    for wanted, pattern, reads, writes in _REQUESTS:
        if method == wanted and re.fullmatch(pattern, path):
            spent = [("code", codes.get(code, code)) for code in form.get("code", [])]
            return list(reads), [*writes, *spent]
    return [_EVERYTHING], [_EVERYTHING]
