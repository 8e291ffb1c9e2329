"""Where users of other packages keep the `sub`: their tables, their usernames, or a file.

Tables are read by name, so that the package itself may be gone already.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections, router

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

# A `sub` of Auth0 is `strategy|id`; another provider's may be anything.
_AUTH0: Final = "|"
_TRUE: Final = ("true", "1", "yes", "t")


class SourceMissing(Exception):
    """What the source reads is not there; the text says what."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A user and the `sub` that a source says is the user's.

    Attributes:
        user: The primary key, or None where it is not certain which user it is.
        subject: The `sub`.
        doubt: Why it is not certain, or an empty string.
    """

    user: Any
    subject: str
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What a source may be told.

    Attributes:
        providers: Names of providers in another package's table; empty for those that it uses for Auth0.
        file: A CSV file, or one with a JSON object a line.
        match: The field of the user model that the column `user` of a CSV file holds.
        any_username: Whether every username counts as a `sub`, and not only one with a `|`.
    """

    providers: Sequence[str] = ()
    file: Path | None = None
    match: str = "pk"
    any_username: bool = False


def _usernames(options: Options) -> Iterator[Claimed]:
    """Yield users whose username is the `sub`: django-auth0-authbackend, and the guides for Authlib."""
    model: Any = get_user_model()
    people = _people()
    if not options.any_username:
        people = people.filter(**{f"{model.USERNAME_FIELD}__contains": _AUTH0})
    for key, username in people.order_by("pk").values_list("pk", model.USERNAME_FIELD).iterator():
        yield Claimed(key, str(username))


def _social_auth(options: Options) -> Iterator[Claimed]:
    """Yield the associations of social-auth-app-django."""
    names = options.providers or ("auth0", "auth0_openidconnect")
    return _rows_of("social_auth_usersocialauth", names)


def _allauth(options: Options) -> Iterator[Claimed]:
    """Yield the social accounts of django-allauth."""
    return _rows_of("socialaccount_socialaccount", options.providers or ("auth0",))


def _mozilla(options: Options) -> Iterator[Claimed]:
    """Yield users of mozilla-django-oidc, which keeps no `sub`: by an export of Auth0's users.

    A user is found as that package finds one: by the email, whose digest is its default username. An email
    that is not verified proves nothing, and of several accounts with one email, which is the user's is not
    certain.
    """
    accounts: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in _records(options.file, "user_id", "email", "email_verified"):
        accounts[row["email"].lower()].append(row)
    for email, rows in accounts.items():
        verified = [row for row in rows if row["email_verified"].lower() in _TRUE]
        users = _by_email(rows[0]["email"])
        if not email or not users:
            continue
        doubt = ""
        if not verified:
            doubt = "its email is not verified at Auth0"
        elif len(verified) > 1:
            doubt = f"{len(verified)} accounts at Auth0 have its email"
        elif len(users) > 1:
            doubt = f"{len(users)} users have its email"
        for account in verified or rows:
            yield Claimed(None if doubt else users[0], account["user_id"], doubt)


def _csv(options: Options) -> Iterator[Claimed]:
    """Yield the rows of a file with the columns `user` and `sub`."""
    model: Any = get_user_model()
    known = {"pk", *(field.name for field in model._meta.concrete_fields)}  # noqa: SLF001 - public in Django
    if options.match not in known:
        raise SourceMissing(f"{model.__name__} has no field {options.match}.")
    for row in _records(options.file, "user", "sub"):
        try:
            users = list(_people().filter(**{options.match: row["user"]}).values_list("pk", flat=True)[:2])
        except (ValueError, ValidationError):
            users = []
        doubt = (
            "" if len(users) == 1 else f"{'several users have' if users else 'no user has'} {row['user']!r}"
        )
        yield Claimed(None if doubt else users[0], row["sub"], doubt)


SOURCES: Final[Mapping[str, Callable[[Options], Iterator[Claimed]]]] = {
    "username": _usernames,
    "social-auth": _social_auth,
    "allauth": _allauth,
    "auth0-authbackend": _usernames,
    "mozilla": _mozilla,
    "csv": _csv,
}


def _people() -> Any:
    model: Any = get_user_model()
    return model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django


def _rows_of(table: str, providers: Sequence[str]) -> Iterator[Claimed]:
    model: Any = get_user_model()
    connection = connections[router.db_for_write(model)]
    if table not in connection.introspection.table_names():
        raise SourceMissing(f"There is no table {table}.")
    quote, places = connection.ops.quote_name, ", ".join(["%s"] * len(providers))
    columns = ", ".join(map(quote, ("user_id", "uid")))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {quote(table)} WHERE {quote('provider')} IN ({places}) "  # noqa: S608 - quoted
            f"ORDER BY {quote('id')}",
            [*providers],
        )
        found = cursor.fetchall()
    for user, subject in found:
        yield Claimed(model._meta.pk.to_python(user), str(subject))  # noqa: SLF001 - public in Django


def _by_email(email: str) -> list[Any]:
    model: Any = get_user_model()
    digest = hashlib.sha1(email.encode(), usedforsecurity=False).digest()
    username = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    people, field = _people(), model.get_email_field_name()
    found = list(people.filter(**{model.USERNAME_FIELD: username}).values_list("pk", flat=True))
    return found or list(people.filter(**{f"{field}__iexact": email}).values_list("pk", flat=True))


def _records(file: Path | None, *columns: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a file, as texts.

    Raises:
        SourceMissing: There is no such file, or it lacks a column.
    """
    if file is None:
        raise SourceMissing("Name the file with --file.")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceMissing(f"{file} cannot be read: {error}") from error
    rows: Iterable[Mapping[str, Any]]
    try:
        if lines and lines[0].lstrip().startswith("{"):
            rows = [json.loads(line) for line in lines if line.strip()]
        else:
            rows = [*csv.DictReader(lines)]
    except (ValueError, csv.Error) as error:
        raise SourceMissing(f"{file} is neither CSV nor one JSON object a line: {error}") from error
    for number, row in enumerate(rows, 1):
        if missing := [name for name in columns if row.get(name) is None]:
            raise SourceMissing(f"{file}, record {number}, lacks {', '.join(missing)}.")
        yield {name: str(row[name]).strip() for name in columns}
