"""Search by user, subject, or transaction id, always through an index of the searched rows."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import Identity, identity_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

_USERS: Final = 100  # at most, whose rows are looked for
_PREFIX: Final = re.compile(r"[0-9a-f]{8,32}")  # 32 bits of time or more: a minute of rows at most


def matching(
    rows: QuerySet[Any],
    term: str,
    *,
    users: Sequence[str],
    digests: Sequence[str] = (),
    key: str | None = None,
) -> QuerySet[Any]:
    """Return the rows that match the term.

    Args:
        users: Paths from a row to a user's primary key; each is indexed.
        digests: Columns that hold the digest of an identity that need not have a row here.
        key: A UUIDv7 column that may be searched by its beginning, or None.
    """
    term = term.strip()
    if not term:
        return rows
    wanted = Q(pk__in=())
    if key is not None and (span := _ids_beginning_with(term)) is not None:
        # A whole id is not asked for as a range: databases take any range for many rows.
        wanted |= Q(**({key: span[0]} if span[0] == span[1] else {f"{key}__range": span}))
    subjects = _digests(term)
    if found := _users(term, subjects):
        for path in users:
            wanted |= Q(**{f"{path}__in": found})
        if digests:
            own = Identity.objects.filter(user_id__in=found)
            subjects += map(bytes, own.values_list("digest", flat=True))
    for path in digests:
        wanted |= Q(**{f"{path}__in": subjects})
    # No index has the keys as texts: so the database cannot follow the order of all rows until it has met
    # enough that match, which for rows of long ago means to read everything.
    return rows.filter(wanted).order_by(Cast("pk", TextField()).desc())


def _ids_beginning_with(term: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    digits = term.replace("-", "").lower()
    if not _PREFIX.fullmatch(digits):
        return None
    return uuid.UUID(hex=digits.ljust(32, "0")), uuid.UUID(hex=digits.ljust(32, "f"))


def _digests(term: str) -> list[bytes]:
    """Return the digests that the term has as a subject of the tenants."""
    issuers = {conf.tenant(alias).issuer for alias in conf.tenant_aliases}
    return [identity_digest(issuer, term) for issuer in sorted(issuers)]


def _users(term: str, subjects: Sequence[bytes]) -> list[Any]:
    """Return the primary keys of the users that match the term: user name, email, key, or subject.

    User names, keys, and subjects have indexes. Whether emails have one depends on the project's user
    model.
    """
    model: Any = get_user_model()
    named = Q(**{model.USERNAME_FIELD: term})
    if "@" in term and _has_field(model, model.get_email_field_name()):
        named |= Q(**{f"{model.get_email_field_name()}__in": sorted({term, term.lower()})})
    with suppress(ValidationError, ValueError):
        named |= Q(pk=model._meta.pk.to_python(term))  # noqa: SLF001 - Django's documented interface
    found = list(model._base_manager.filter(named).values_list("pk", flat=True)[:_USERS])  # noqa: SLF001
    return found + list(Identity.objects.filter(digest__in=subjects).values_list("user_id", flat=True))


def _has_field(model: Any, name: str) -> bool:
    try:
        model._meta.get_field(name)  # noqa: SLF001 - Django's documented interface
    except FieldDoesNotExist:
        return False
    return True
