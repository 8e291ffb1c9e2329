"""What becomes of a refresh token that is not held any more: a transaction of `end_grant` that revokes it.

It is created in the database transaction that decides it, due at once, and bound to no browser.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.secret import Secret

# Sent after the commit, with `transaction_id` (UUID): the row may be worked off at once. No sender.
released: Final = Signal()
_BATCH: Final = 100  # rows per statement: databases take a bounded number of parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A refresh token that is to be revoked.

    Attributes:
        tenant: The alias of the tenant that issued it.
        subject: The `sub` that it was issued to, if an ID token said so.
        grant: The grant that has ended.
        of: The transaction that let the token go.
    """

    refresh_token: Secret
    tenant: str
    subject: str = ""
    grant: str = ""
    of: str = ""


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

    The arguments are those of `Released`.
    """
    release_all(
        [Released(refresh_token=refresh_token, tenant=tenant, subject=subject, grant=grant, of=of)], now=now
    )


def release_all(tokens: Sequence[Released], *, now: datetime) -> None:
    """Have refresh tokens revoked, with two statements for every `_BATCH` of them."""
    alias = router.db_for_write(FlowTransaction)
    revocable = [each for each in tokens if can_revoke(each.tenant)]
    for start in range(0, len(revocable), _BATCH):
        some = [_transition(each, now) for each in revocable[start : start + _BATCH]]
        rows.insert_all([(each.transaction, each.log) for each in some], using=alias)
        if released.receivers:
            for each in some:
                tell = partial(released.send_robust, None, transaction_id=each.transaction.id)
                transaction.on_commit(tell, using=alias, robust=True)


def _transition(token: Released, now: datetime) -> TransitionContext:
    flow = _flow()
    created = new_transaction(
        flow,
        tenant=token.tenant,
        browser=UNBOUND,  # no browser may follow it
        now=now,
        inputs=EndGrantInputs(subject=token.subject, grant=token.grant, transaction=token.of).to_json(),
        secrets={"refresh_token": token.refresh_token},
    )
    transition = TransitionContext(created, now=now, actor=SYSTEM, deadlines={})
    flow.take(transition, Event("start"))
    transition.postpone(now, attempts=0)  # the next sweep begins
    return transition


@cache
def _flow() -> FlowDefinition:
    # Imported here: python-statemachine takes 50 ms, and most processes never let a token go.
    from stateful_oauth.flows.engine.registry import FlowRegistry, load_machine  # noqa: PLC0415 - lazy on purpose

    return FlowRegistry(load_machine(DECLARATION))[DECLARATION.kind]
