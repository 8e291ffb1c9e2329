"""A first attempt at what no request waits for, right after its commit: a task of the project's own backend.

Without it, or when the task fails, the next sweep does the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.dispatch import receiver

from stateful_oauth.django.conf import conf
from stateful_oauth.storage.releases import released

if TYPE_CHECKING:
    import uuid

logger = logging.getLogger("stateful_oauth.sweeping")


@receiver(released, dispatch_uid="stateful_oauth.first_attempt")
def enqueue(*, transaction_id: uuid.UUID, **_: Any) -> None:
    """Enqueue the revocation of a refresh token that was let go, if `TASK_BACKEND` names a backend.

    Never fails the request that let it go: a queue that does not answer is logged.
    """
    alias: str = conf.task_backend
    if not alias:
        return
    try:
        from stateful_oauth.django.sweeps import tasks  # noqa: PLC0415 - needs the Tasks API, and is optional

        task = tasks.recover_flow.using(backend=alias, queue_name=tasks.queue_of(alias))
        task.enqueue(str(transaction_id))
    except Exception as error:  # noqa: BLE001 - whatever the project's queue raises
        logger.warning("transaction %s was not enqueued, a sweep will do it: %r", transaction_id, error)
