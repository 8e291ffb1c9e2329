"""Where sealed values are kept, and a look at some of them: whether the key ring still opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import router

from stateful_oauth.storage import encryption
from stateful_oauth.storage.models import FlowTransaction, Grant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models

# Every column that `encryption.seal` fills. An empty text stands for nothing.
COLUMNS: Final[tuple[tuple[type[models.Model], str], ...]] = (
    (Grant, "refresh_token"),
    (Grant, "access_tokens"),
    (FlowTransaction, "secrets"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a look at some sealed values found.

    Attributes:
        seen: How many were looked at.
        older: How many of them need a key that is not the first of the ring.
        lost: Where those stand that no key opens: table, column and primary key.
    """

    seen: int
    older: int
    lost: tuple[str, ...]


def sample(number: int) -> Sample:
    """Try to open the newest and the oldest values of each column.

    Args:
        number: How many from each end.
    """
    seen = older = 0
    lost = []
    for place, sealed in dict(_ends(number)).items():
        seen += 1
        try:
            encryption.rotate(sealed)  # opens it with any key; what it makes is thrown away
        except encryption.UndecryptableError:
            lost.append(place)
        else:
            older += not encryption.is_current(sealed)
    return Sample(seen, older, tuple(sorted(lost)))


def _ends(number: int) -> Iterator[tuple[str, str]]:
    for model, column in COLUMNS:
        # Only open rows hold secrets, and their partial indexes order them.
        orders = [("pk", {})] if model is Grant else _OPEN_ROWS
        for order, condition in orders:
            rows = model._default_manager.using(router.db_for_read(model)).filter(  # noqa: SLF001 - public in Django
                **{f"{column}__isnull": False}, **condition
            )
            for way in (f"-{order}", order):
                for key, sealed in rows.order_by(way).values_list("pk", column)[:number]:
                    if sealed:
                        yield f"{model._meta.db_table}.{column} of {key}", sealed  # noqa: SLF001 - as above


_OPEN_ROWS: Final = [("deadline", {"state_kind": "waiting"}), ("lease_until", {"state_kind": "working"})]
