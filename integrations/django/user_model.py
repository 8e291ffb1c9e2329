"""What the project's user model demands of a new user, beyond what the package can give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import NOT_PROVIDED, F, UniqueConstraint

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


def unfilled_columns(given: Collection[str]) -> list[str]:
    """Return the columns that no second user can be made without, and that neither we nor a default fill.

    Columns that are required and have no default, and those that must be unique and would be the same in
    every user: a unique `phone` whose default is an empty string, say.

    Args:
        given: Names of fields that a new user always has a value for.
    """
    model: Any = get_user_model()
    return [
        field.name
        for field in model._meta.concrete_fields  # noqa: SLF001 - public in Django
        if field.name not in given and _is_unfilled(model, field)
    ]


def _is_unfilled(model: Any, field: Any) -> bool:
    relation = field.remote_field
    fills_itself = (
        getattr(field, "auto_now", False)
        or getattr(field, "auto_now_add", False)
        or field.generated
        or getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED
        or (field.primary_key and field.get_internal_type().endswith("AutoField"))
        or (relation is not None and getattr(relation, "parent_link", False))
        or (field.has_default() and callable(field.default))
    )
    if fills_itself:
        return False
    if field.get_default() is None:
        return not field.null
    return unique_lookup(model, field.name, whole=True) is not None


def unique_lookup(model: Any, name: str, *, whole: bool = False) -> str | None:
    """Return the lookup that finds who has a field's value where it must be unique, else None.

    Args:
        whole: Ignore constraints with a condition, which may leave out the value in question.
    """
    options = model._meta  # noqa: SLF001 - public in Django
    if options.get_field(name).unique:
        return "exact"
    for constraint in options.constraints:
        if not isinstance(constraint, UniqueConstraint) or (whole and constraint.condition is not None):
            continue
        if constraint.fields == (name,):
            return "exact"
        # An expression over an email folds its letters: `UniqueConstraint(Lower("email"))`.
        if [*_names(constraint.expressions)] == [name]:
            return "iexact"
    return None


def takes_no_missing_email(model: Any) -> bool:
    """Whether the email column has room for one user without an email at most."""
    name = model.get_email_field_name()
    known = {field.name: field for field in model._meta.concrete_fields}  # noqa: SLF001 - public in Django
    return name in known and not known[name].null and unique_lookup(model, name, whole=True) is not None


def _names(expressions: Iterable[Any]) -> Iterator[str]:
    """Yield the fields that expressions are made of."""
    for expression in expressions:
        if isinstance(expression, F):
            yield expression.name  # type: ignore[attr-defined]  # the stubs leave it out
        elif hasattr(expression, "get_source_expressions"):
            yield from _names(expression.get_source_expressions())
