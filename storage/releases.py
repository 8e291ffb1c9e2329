"""What becomes of a refresh token that is not held any more: a transaction of `end_grant` that revokes it.

It is created in the database transaction that decides it, due at once, and bound to no browser.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Final

from django.db import router, transaction
from django.dispatch import Signal

from stateful_oauth.flows.end_grant import DECLARATION
from stateful_oauth.flows.end_grant.inputs import EndGrantInputs
from stateful_oauth.flows.engine.creation import new_transaction
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.transaction import SYSTEM, UNBOUND
from stateful_oauth.flows.engine.transition import TransitionContext
from stateful_oauth.storage import rows
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.secret import Secret

# Sent after the commit, with `transaction_id` (UUID): the row may be worked off at once. No sender.
released: Final = Signal()


class _Revocability:
    """Whether a tenant's provider revokes refresh tokens. What knows providers says it (`is_asked_of`)."""

    def __init__(self) -> None:
        self._asked: Callable[[str], bool] | None = None

    def is_asked_of(self, asked: Callable[[str], bool]) -> None:
        """Ask this from now on. It must not wait: it is called in database transactions."""
        self._asked = asked

    def __call__(self, tenant: str) -> bool:
        return self._asked is None or self._asked(tenant)


can_revoke: Final = _Revocability()


def release(
    refresh_token: Secret, *, tenant: str, now: datetime, subject: str = "", grant: str = "", of: str = ""
) -> None:
    """Have a refresh token revoked; call it where the same database transaction drops the token.

    Nothing is written where the provider is known to revoke none: such rows would only pile up.

    Args:
        subject: The `sub` that it was issued to, if an ID token said so.
        grant: The grant that has ended.
        of: The transaction that let the token go.
    """
    if not can_revoke(tenant):
        return
    flow = _flow()
    created = new_transaction(
        flow,
        tenant=tenant,
        browser=UNBOUND,  # no browser may follow it
        now=now,
        inputs=EndGrantInputs(subject=subject, grant=grant, transaction=of).to_json(),
        secrets={"refresh_token": refresh_token},
    )
    transition = TransitionContext(created, now=now, actor=SYSTEM, deadlines={})
    flow.take(transition, Event("start"))
    transition.postpone(now, attempts=0)  # the next sweep begins
    alias = router.db_for_write(FlowTransaction)
    rows.insert(transition.transaction, transition.log, using=alias)
    if released.receivers:
        tell = partial(released.send_robust, None, transaction_id=created.id)
        transaction.on_commit(tell, using=alias, robust=True)


@cache
def _flow() -> FlowDefinition:
    # Imported here: python-statemachine takes 50 ms, and most processes never let a token go.
    from stateful_oauth.flows.engine.registry import FlowRegistry, load_machine  # noqa: PLC0415 - lazy on purpose

    return FlowRegistry(load_machine(DECLARATION))[DECLARATION.kind]
