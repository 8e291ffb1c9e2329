"""The sweeps as Django Tasks, for the project's own backend.

    from stateful_oauth.django.sweeps import tasks

    tasks.recover_flows.enqueue()
    tasks.purge_flows.using(queue_name="night").enqueue(older_than="30d")

Import this module only if you use it. Django 6 has the Tasks API built in. Django 5.2 needs the extra
`tasks`.
Arguments and results are JSON. The tasks do the same as the commands of the same names. A task that meets
rows which need an operator still succeeds, and reports them in its result and in the log. A task that cannot
run fails.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.sweeps import purging, sweeping
from stateful_oauth.django.sweeps.filters import check_filters

try:
    from django.tasks import DEFAULT_TASK_BACKEND_ALIAS, DEFAULT_TASK_QUEUE_NAME, task, task_backends
except ImportError:
    try:
        from django_tasks import (  # type: ignore[no-redef,unused-ignore,assignment]  # the same API, backported
            DEFAULT_TASK_BACKEND_ALIAS,
            DEFAULT_TASK_QUEUE_NAME,
            task,
            task_backends,
        )
    except ImportError as error:  # not installed, or too old
        raise ImproperlyConfigured(
            "The sweeps as tasks need Django 6, or the extra: pip install django-stateful-oauth[tasks]"
        ) from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.django.sweeps.sweeping import SweepReport

logger = logging.getLogger("stateful_oauth.sweeping")


def queue_of(backend: str) -> str:
    """Return the queue `default` of a backend, or else its first queue. `using()` chooses another queue."""
    queues = task_backends[backend].queues
    return DEFAULT_TASK_QUEUE_NAME if not queues or DEFAULT_TASK_QUEUE_NAME in queues else min(queues)


@task(queue_name=queue_of(DEFAULT_TASK_BACKEND_ALIAS))
def recover_flows(
    *, kind: str | None = None, tenant: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Continue transactions whose worker did not come back.

    Args:
        kind: Only transactions of this flow.
        tenant: Only transactions of this tenant.
        limit: How many to bring on.

    Returns:
        A number for each of `sweeping.RECOVERY`, and `problems`: the rows that need an operator.

    Raises:
        ValueError: There is no such flow or tenant.
        StoreUnavailable: The database does not answer.
    """
    check_filters(kind=kind, tenant=tenant, limit=limit)
    return _told(sweeping.recover_due(kind=kind, tenant=tenant, limit=limit))


@task(queue_name=queue_of(DEFAULT_TASK_BACKEND_ALIAS))
def expire_flows(
    *, kind: str | None = None, tenant: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    """Close transactions whose browser did not come back in time. See `recover_flows`."""
    check_filters(kind=kind, tenant=tenant, limit=limit)
    return _told(sweeping.expire_due(kind=kind, tenant=tenant, limit=limit))


@task(queue_name=queue_of(DEFAULT_TASK_BACKEND_ALIAS))
def purge_flows(
    *,
    older_than: str,
    kind: str | None = None,
    tenant: str | None = None,
    states: Sequence[str] = (),
    limit: int | None = None,
) -> dict[str, Any]:
    """Delete finished transactions with their logs.

    Args:
        older_than: Only transactions that were started and ended longer ago: `30d`, `12h`, `8w`.
        states: Only transactions that ended in one of these.

    Returns:
        `purged`: how many.

    Raises:
        ValueError: The age is not written like that, or there is no such flow, tenant or final state.
        StoreUnavailable: The database does not answer.
    """
    check_filters(kind=kind, tenant=tenant, states=states, limit=limit)
    number = purging.purge(purging.age(older_than), kind=kind, tenant=tenant, states=states, limit=limit)
    return {"purged": number}


@task(queue_name=queue_of(DEFAULT_TASK_BACKEND_ALIAS))
def recover_flow(transaction: str) -> str:
    """Continue one transaction, if it is due and no worker has it.

    Args:
        transaction: Its id.

    Returns:
        The code of its outcome, or an empty string.

    Raises:
        ValueError: It is no id.
        StoreUnavailable: The database does not answer.
    """
    return wiring.engine().recover(uuid.UUID(transaction), SystemCaller()).code


def _told(report: SweepReport) -> dict[str, Any]:
    if report.needs_operator:
        logger.warning("%s transactions need an operator: see `flow_show`", report.needs_operator)
    return report.as_json()
