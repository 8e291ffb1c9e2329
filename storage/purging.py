"""Deleting finished transactions, with their logs, once they are old enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction

from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import QuerySet

BATCH: Final = 500  # rows per database transaction: short enough that no request waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What to delete. Open transactions are never among it.

    Attributes:
        before: Transactions that were started, and ended, before this moment (aware). Their ids tell the
            start, so that age needs no index of its own.
        kind: Only of this flow.
        tenant: Only of this tenant.
        states: Only those that ended in one of these states; all when empty.
    """

    before: datetime
    kind: str | None = None
    tenant: str | None = None
    states: tuple[str, ...] = ()

    def count(self) -> int:
        """Return how many there are."""
        return self._rows().count()

    def run(self, *, limit: int | None = None, batch: int = BATCH) -> Iterator[int]:
        """Delete batch by batch, oldest first; yield how many each batch deleted.

        Each batch is one short database transaction. Several at once share the work on PostgreSQL, because
        each passes over the rows that another one holds.

        Raises:
            RuntimeError: There is a surrounding transaction, which would make one long one of them all.
        """
        alias, after = router.db_for_write(FlowTransaction), None
        while limit is None or limit > 0:
            size = batch if limit is None else min(batch, limit)
            with transaction.atomic(using=alias, durable=True):
                rows = self._rows() if after is None else self._rows().filter(pk__gt=after)
                ids = [
                    *rows.order_by("pk")
                    .select_for_update(skip_locked=True)
                    .values_list("pk", flat=True)[:size]
                ]
                if ids:
                    _delete(ids, alias)
            if not ids:
                return
            yield len(ids)
            after = ids[-1]
            limit = None if limit is None else limit - len(ids)

    def _rows(self) -> QuerySet[FlowTransaction]:
        chosen: dict[str, Any] = {"kind": self.kind, "tenant": self.tenant, "state__in": self.states}
        return FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
            pk__lt=earliest_id_at(self.before),
            changed_at__lt=self.before,
            state_kind=StateKind.FINAL,
            **{name: value for name, value in chosen.items() if value},
        )


def _delete(ids: list[uuid.UUID], alias: str) -> None:
    # The ORM's own `delete` would load every row, secrets and all, to see what hangs on it: its log does.
    for rows in (
        TransitionRecord.objects.using(alias).filter(transaction_id__in=ids),
        FlowTransaction.objects.using(alias).filter(pk__in=ids),
    ):
        rows._raw_delete(alias)  # noqa: SLF001 - see above
