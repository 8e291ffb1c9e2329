"""After a crash: time passes and recovery runs, and nothing was done twice at the provider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.storage.models import FlowTransaction
from tests.support import rows
from tests.support.crash_tables import Place

LEASE = 31  # seconds: of the effects of accounts, which may take 10


def each_place(table: dict[Place, Any]) -> Any:
    return pytest.mark.parametrize(("place", "becomes"), table.items(), ids=map(" of ".join, table))


def state_of(kind: str) -> str | None:
    return FlowTransaction.objects.filter(kind=kind).values_list("state", flat=True).first()


def recovery_runs(clock: Any) -> None:
    clock.advance(LEASE)
    for _ in range(2):  # the second time for what the first one opened
        for id_ in list(FlowTransaction.objects.values_list("pk", flat=True)):
            wiring.engine().recover(id_, SystemCaller())
    rows.nothing_working()
    rows.check_rows()


def nothing_twice(tenant: Any) -> None:
    ledger = tenant.ledger
    for effect in ("code_reused", "connect_code_reused", "refresh_reused"):
        assert ledger.count(effect) == 0, f"{effect}: something was sent twice."
    assert ledger.count("family_revoked") == ledger.count("family_revoked", reason="revoked")
    for effect in ("account_connected", "identity_linked", "identity_unlinked", "account_disconnected"):
        assert ledger.count(effect) <= 1, f"{effect}, twice."


def passed_by(act: Callable[[], Any]) -> tuple[Any, list[Place]]:
    passed: list[Place] = []
    with observed(lambda *place: passed.append(place)):
        result = act()
    return result, passed
