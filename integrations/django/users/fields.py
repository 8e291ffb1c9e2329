"""The fields of a user that follow the claims of each sign-in: `USER_FIELDS`."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError, IntegrityError, models, router, transaction

from stateful_oauth.django.conf import conf
from stateful_oauth.django.users.claims import ABSENT, claim_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity

logger = logging.getLogger("stateful_oauth.users")

# Privileges come from `ROLES` alone, and who a user is from issuer and subject alone.
NEVER_FROM_CLAIMS: Final = frozenset(
    {"groups", "is_active", "is_staff", "is_superuser", "last_login", "password", "user_permissions"}
)
_UNKEPT: Final = re.compile(r"\\u(0000|d[89a-f])")  # in JSON: what PostgreSQL does not keep
_UNUSABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, halves of pairs


def field_flaw(model: Any, name: str) -> str:
    """Return why a claim cannot set a field, as the end of a sentence; an empty string if it can."""
    try:
        field = model._meta.get_field(name)  # noqa: SLF001 - public in Django
    except FieldDoesNotExist:
        return f"which {model.__name__} does not have"
    if name in NEVER_FROM_CLAIMS or getattr(field, "primary_key", False):
        return "which claims never set; privileges come from ROLES"
    if not getattr(field, "concrete", False) or field.is_relation or getattr(field, "generated", False):
        return "which is not a plain column"
    return ""


def mapped_fields(tenant: str) -> dict[str, Any]:
    """Return the claim of each field of the user model: `USER_FIELDS`, and the email unless it opts out."""
    model: Any = get_user_model()
    chosen = {model.get_email_field_name(): "email", **conf.tenant(_known(tenant)).user_fields}
    return {
        name: where for name, where in chosen.items() if where is not None and not field_flaw(model, name)
    }


def _known(tenant: str) -> str:
    return tenant if tenant in conf.tenant_aliases else conf.tenant_aliases[0]


def first_fields(identity: VerifiedIdentity) -> dict[str, Any]:
    """Return the fields that a new user begins with, but for username and email."""
    model: Any = get_user_model()
    mapped = mapped_fields(identity.tenant)
    taken = {model.get_email_field_name(), model.USERNAME_FIELD}
    wanted = {name: where for name, where in mapped.items() if name not in taken}
    return dict(_values(model(), identity.claims, wanted))


def keep_fields_in_step(user: Any, identity: VerifiedIdentity) -> list[str]:
    """Set what differs from the claims, in one UPDATE, and return the names of the fields that have changed.

    Absent claims leave a field as it is, and so do values that the field does not take. An email that is not
    verified replaces none.
    """
    model = type(user)
    wanted = dict(_values(user, identity.claims, mapped_fields(identity.tenant)))
    email_field = model.get_email_field_name()
    if getattr(user, email_field, None) and identity.claims.get("email_verified") is not True:
        wanted.pop(email_field, None)
    changes = {name: value for name, value in wanted.items() if getattr(user, name) != value}
    if not changes:
        return []
    before = {name: getattr(user, name) for name in changes}
    unique = {name for name in changes if _may_collide(model, name)}
    try:
        with transaction.atomic(using=router.db_for_write(model), savepoint=bool(unique)):
            _save(user, changes)
    except (IntegrityError, DataError):
        if not unique:
            raise
        logger.warning(
            "user %s: %s stays as it is, because another user has the value of the claim",
            user.pk,
            ", ".join(sorted(unique)),
        )
        _restore(user, before)
        changes = {name: value for name, value in changes.items() if name not in unique}
        if changes:
            _save(user, changes)
    return [*changes]


def _save(user: Any, changes: Mapping[str, Any]) -> None:
    _restore(user, changes)
    user.save(update_fields=[*changes])


def _restore(user: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(user, name, value)


def _values(user: Any, claims: Mapping[str, Any], mapped: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, where in mapped.items():
        claim = claim_at(claims, where)
        if claim is ABSENT:
            continue
        field = user._meta.get_field(name)  # noqa: SLF001 - public in Django
        try:
            yield name, _value(user, field, claim)
        except (ValidationError, ValueError, TypeError, OverflowError):
            logger.warning("user %s: the claim for %s is not what the field takes", user.pk or "(new)", name)


def _value(user: Any, field: Any, claim: Any) -> Any:
    """Return a claim as a field takes it.

    Raises:
        ValueError, TypeError, ValidationError: It does not take it.
    """
    if isinstance(field, models.EmailField):
        if not (email := email_of(claim, field.max_length)):
            raise ValueError(field.name)
        return email
    if isinstance(field, models.BooleanField):
        if not isinstance(claim, bool):
            raise TypeError(field.name)
        return claim
    if isinstance(field, models.CharField | models.TextField):
        return _text(user, field, claim)
    if isinstance(claim, bool) or (
        isinstance(claim, list | dict) and not isinstance(field, models.JSONField)
    ):
        raise TypeError(field.name)
    if isinstance(field, models.JSONField) and _UNKEPT.search(json.dumps(claim)):
        raise ValueError(field.name)
    return field.clean(claim, user)


def _text(user: Any, field: Any, claim: Any) -> str:
    if not isinstance(claim, str):
        raise TypeError(field.name)
    text = _UNUSABLE.sub("", claim)
    # A shortened name is still a name; a shortened URL or slug is another one.
    if type(field) is models.CharField and not field.choices:
        text = text[: field.max_length]
    if text or not field.blank:
        field.clean(text, user)
    return text


def _may_collide(model: Any, name: str) -> bool:
    options = model._meta  # noqa: SLF001 - public in Django
    return (
        options.get_field(name).unique
        or bool(options.constraints)
        or any(name in together for together in options.unique_together)
    )


def email_of(claim: object, longest: int | None) -> str:
    """Return an email to the letter, or an empty text: a shortened email would be another user's."""
    if not isinstance(claim, str) or _UNUSABLE.search(claim):
        return ""
    return claim if longest is None or len(claim) <= longest else ""


def wrong_fields(model: Any, mapped: Mapping[str, Any]) -> Iterable[str]:
    """Yield what is wrong with `USER_FIELDS`, one sentence for each entry."""
    email = model.get_email_field_name()
    for name, where in mapped.items():
        if not isinstance(name, str):
            yield f"names {name!r}, which is not the name of a field."
        elif flaw := field_flaw(model, name):
            yield f"names {name}, {flaw}."
        elif where is None and name != email:
            yield f"has None for {name}; only the email can opt out."
        elif where is not None and not is_claim(where):
            yield f"has no claim for {name}: write its name, or a list of names on the way to it."


def is_claim(where: object) -> bool:
    """Whether a setting names a claim: by name, or by path."""
    if isinstance(where, str):
        return bool(where)
    return isinstance(where, list | tuple) and bool(where) and all(isinstance(each, str) for each in where)
