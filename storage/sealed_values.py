"""Where sealed values are kept, and a look at some of them: whether the key ring still opens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import router

from stateful_oauth.storage import encryption
from stateful_oauth.storage.availability import database_answers
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


BATCH: Final = 500  # values that one query reads


@dataclass(slots=True)
class Rotation:
    """Seals values again with the first key of the ring, unless that key has sealed them.

    Attributes:
        dry_run: Only count.
        seen: How many values were looked at.
        rotated: How many were sealed again, or would be.
        lost: How many no key opens. They are left as they are.
    """

    dry_run: bool = False
    seen: int = 0
    rotated: int = 0
    lost: int = 0

    def run(self, *, batch: int = BATCH) -> Iterator[str]:
        """Go through all columns; yield after each query the column and the last key that it read.

        Each query begins after the last key of the one before (keyset): a server-side cursor does not survive
        PgBouncer in transaction mode, nor a server that is replaced.

        Raises:
            StoreUnavailable: The database does not answer. Run it again: what is done is left alone.
        """
        for model, column in COLUMNS:
            rows = _written(model).filter(**{f"{column}__gt": ""}).order_by("pk").values_list("pk", column)
            after: Any = None
            while True:
                left = rows if after is None else rows.filter(pk__gt=after)
                with database_answers():
                    values = list(left[:batch])
                    for key, sealed in values:
                        self._rotate(model, column, key, sealed)
                if not values:
                    break
                after = values[-1][0]
                yield f"{model._meta.db_table}.{column} up to {after}"  # noqa: SLF001 - public in Django

    def _rotate(self, model: type[models.Model], column: str, key: Any, sealed: str) -> None:
        self.seen += 1
        if encryption.is_current(sealed):
            return
        try:
            renewed = encryption.rotate(sealed)
        except encryption.UndecryptableError:
            self.lost += 1
            return
        # Only if the value is unchanged: another writer has used the newest key anyway.
        unchanged = _written(model).filter(pk=key, **{column: sealed})
        self.rotated += 1 if self.dry_run else unchanged.update(**{column: renewed})


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
            rows = _written(model).filter(**{f"{column}__isnull": False}, **condition)
            for way in (f"-{order}", order):
                for key, sealed in rows.order_by(way).values_list("pk", column)[:number]:
                    if sealed:
                        yield f"{model._meta.db_table}.{column} of {key}", sealed  # noqa: SLF001 - as above


def _written(model: type[models.Model]) -> models.QuerySet[Any]:
    """Return the rows of the database that is written: a replica may be behind."""
    return model._default_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django


_OPEN_ROWS: Final = [("deadline", {"state_kind": "waiting"}), ("lease_until", {"state_kind": "working"})]
