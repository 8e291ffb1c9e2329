"""Recovery to its end: sweeps, with time passing in between, until nothing is open any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from stateful_oauth.django import wiring
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.storage.models import FlowTransaction
from tests.support.callers import Operator

_ROUNDS = 12  # pauses between attempts double, and an operator may have to retry
_PAUSE = 1200.0  # seconds: longer than every lease, pause and deadline


def recover_all(advance: Callable[[float], None]) -> Counter[str]:
    """Sweep until nothing is open; retry what is stuck, as an operator does.

    Args:
        advance: Moves the clock of the site on, by seconds.

    Returns:
        How many rows, by what became of them.
    """
    found: Counter[str] = Counter()
    for _ in range(_ROUNDS):
        advance(_PAUSE)
        found.update({key: value for key, value in recover_due().counts.items() if value})
        stuck = FlowTransaction.objects.filter(stuck_since__isnull=False).values_list("pk", flat=True)
        for key in stuck:
            wiring.engine().recover(key, Operator())
            found["retried by an operator"] += 1
        found.update({key: value for key, value in expire_due().counts.items() if value})
        if not FlowTransaction.objects.exclude(state_kind="final").exists():
            break
    return found
