"""`recover_due` and `expire_due`: what is due is brought on, and one bad row is nobody else's trouble."""

from __future__ import annotations

import logging

import pytest
from django.db import OperationalError

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.sweeps import sweeping
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.sweeps import DueRows
from tests.support import rows

pytestmark = pytest.mark.database


def counts(report) -> dict[str, int]:
    return {name: number for name, number in report.counts.items() if number}


def states() -> set[str]:
    return set(FlowTransaction.objects.values_list("state", flat=True))


def test_a_sweep_leaves_rows_alone_that_are_not_due(waiting, working):
    waiting()
    working()
    assert counts(recover_due()) == counts(expire_due()) == {}
    assert states() == {"awaiting_callback", "exchanging_code"}


def test_what_waits_too_long_is_expired_and_its_secrets_are_wiped(waiting, working, in_ten_minutes):
    expired, lost = waiting(3), working(2)
    in_ten_minutes()
    assert counts(expire_due()) == {"expired": 3}
    for id_ in expired:
        assert rows.steps(id_)[-1] == ("awaiting_callback", "expire", "expired")
        assert rows.the_row(id_).secrets is None
    assert {rows.the_row(id_).state for id_ in lost} == {"exchanging_code"}, "The other sweep's."
    rows.check_rows()


def test_a_worker_that_died_is_followed_by_what_its_effect_declares(waiting, working, tenant, in_ten_minutes):
    lost, waits = working(2), waiting(1)
    in_ten_minutes()
    assert counts(recover_due()) == {"given_up": 2}
    assert {rows.the_row(id_).code for id_ in lost} == {"code_exchange_lost"}
    assert rows.the_row(waits[0]).state == "awaiting_callback", "The other sweep's."
    assert tenant.requests["/oauth/token"] == 0, "A code was sent again."
    rows.nothing_working()


def test_an_effect_that_may_be_repeated_is(tenant, clock, settings, db):
    from tests.support.attempts import Attempt
    from tests.support.callers import Person
    from tests.support.crashes import crash_at

    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": True}
    tenant.settings.par = True
    with crash_at("effect.after", "push_request"):
        Attempt(tenant, Person())
    clock.advance(60)
    assert counts(recover_due()) == {"recovered": 1}
    assert states() == {"awaiting_callback"}


def test_a_second_sweep_finds_nothing(waiting, working, in_ten_minutes):
    waiting(2)
    working(2)
    in_ten_minutes()
    recover_due()
    expire_due()
    assert counts(recover_due()) == counts(expire_due()) == {}


def test_only_of_a_flow_or_a_tenant(waiting, in_ten_minutes):
    ids = waiting(3)
    FlowTransaction.objects.filter(pk=ids[0]).update(tenant="partners")
    in_ten_minutes()
    assert counts(expire_due(kind="shop.checkout")) == {}
    assert counts(expire_due(tenant="default", kind="login")) == {"expired": 2}
    assert rows.the_row(ids[0]).state == "awaiting_callback"


def test_a_limit_and_then_the_rest(waiting, in_ten_minutes):
    waiting(5)
    in_ten_minutes()
    assert counts(expire_due(limit=2)) == {"expired": 2}
    assert counts(expire_due(limit=10)) == {"expired": 3}


def test_a_dry_run_counts_and_moves_nothing(waiting, working, in_ten_minutes):
    waiting(3)
    working(2)
    in_ten_minutes()
    report = expire_due(dry_run=True)
    assert (counts(report), report.due) == ({"due": 3}, [("login", "awaiting_callback", 3)])
    assert counts(expire_due(dry_run=True, limit=2)) == {"due": 2}
    assert counts(recover_due(dry_run=True)) == {"due": 2}
    assert states() == {"awaiting_callback", "exchanging_code"}


# One bad row.


def spoil_kind(id_, settings) -> None:
    FlowTransaction.objects.filter(pk=id_).update(kind="gone.flow")


def spoil_definition(id_, settings) -> None:
    FlowTransaction.objects.filter(pk=id_).update(definition_version=99)


def spoil_tenant(id_, settings) -> None:
    FlowTransaction.objects.filter(pk=id_).update(tenant="gone")


def spoil_secrets(id_, settings) -> None:
    FlowTransaction.objects.filter(pk=id_).update(secrets="no token of Fernet")


@pytest.mark.parametrize("spoil", [spoil_kind, spoil_definition, spoil_tenant, spoil_secrets])
@pytest.mark.parametrize("sweep", [recover_due, expire_due])
def test_a_row_that_nobody_can_read_is_counted_listed_and_left(
    waiting, working, in_ten_minutes, settings, caplog, spoil, sweep
):
    ids = waiting(3) if sweep is expire_due else working(3)
    spoil(ids[0], settings)
    in_ten_minutes()
    before = FlowTransaction.objects.filter(pk=ids[0]).values().get()
    with caplog.at_level(logging.WARNING):
        report = sweep()
    done = "expired" if sweep is expire_due else "given_up"
    assert counts(report) == {done: 2, "quarantined": 1}
    (problem,) = report.problems
    assert (problem.id, problem.what, problem.code) == (str(ids[0]), "quarantined", "quarantined")
    assert FlowTransaction.objects.filter(pk=ids[0]).values().get() == before
    told = [record for record in caplog.records if str(ids[0]) in record.getMessage()]
    assert len(told) == 1, [record.getMessage() for record in told]


@pytest.mark.parametrize("sweep", [recover_due, expire_due])
def test_a_row_that_raises_is_logged_once_and_stops_nobody(
    waiting, working, in_ten_minutes, monkeypatch, caplog, sweep
):
    ids = waiting(5) if sweep is expire_due else working(5)
    in_ten_minutes()
    broken(monkeypatch, ids[:1], RuntimeError("a secret of the project"))
    report = sweep()
    assert counts(report) == {"expired" if sweep is expire_due else "given_up": 4, "broken": 1}
    assert [(problem.id, problem.code) for problem in report.problems] == [(str(ids[0]), "RuntimeError")]
    told = [record for record in caplog.records if record.name == "stateful_oauth.sweeping"]
    assert len(told) == 1
    assert str(ids[0]) in told[0].getMessage()
    assert told[0].exc_info, "Without a traceback nobody finds the mistake."


def test_bad_rows_at_the_head_keep_nobody_out(waiting, clock, monkeypatch):
    """The oldest rows are all broken, there are more of them than a limit allows, and windows are small."""
    bad = waiting(6)
    clock.advance(5)
    good = waiting(4)
    clock.advance(700)
    broken(monkeypatch, bad, RuntimeError())
    windows_of(monkeypatch, 2)
    assert counts(expire_due(limit=3)) == {"expired": 3, "broken": 6}
    assert counts(expire_due(limit=3)) == {"expired": 1, "broken": 6}
    assert {rows.the_row(id_).state for id_ in good} == {"expired"}


def test_a_row_is_met_once_per_sweep_also_when_many_are_due_at_the_same_moment(
    waiting, in_ten_minutes, monkeypatch
):
    ids = waiting(7)
    in_ten_minutes()
    met = broken(monkeypatch, ids, RuntimeError())
    windows_of(monkeypatch, 3)
    assert counts(expire_due()) == {"broken": 7}
    assert sorted(met) == sorted(ids)


def test_one_failure_of_the_database_is_one_broken_row(waiting, in_ten_minutes, monkeypatch):
    ids = waiting(3)
    in_ten_minutes()
    broken(monkeypatch, ids[:1], StoreUnavailable())
    assert counts(expire_due()) == {"expired": 2, "broken": 1}


def test_a_database_that_fails_row_after_row_ends_the_sweep(waiting, in_ten_minutes, monkeypatch):
    ids = waiting(9)
    in_ten_minutes()
    met = broken(monkeypatch, ids, StoreUnavailable())
    with pytest.raises(StoreUnavailable, match="several rows running"):
        expire_due()
    assert len(met) == 5


def test_a_database_that_does_not_answer_at_all_is_said_so(db, clock, monkeypatch):
    def gone(self, size=1):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(DueRows, "windows", gone)
    with pytest.raises(StoreUnavailable, match="OperationalError"):
        expire_due()


def test_an_interrupt_is_not_swallowed(waiting, in_ten_minutes, monkeypatch):
    in_ten_minutes_ids = waiting(1)
    in_ten_minutes()
    broken(monkeypatch, in_ten_minutes_ids, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        expire_due()


# Stuck rows.


def test_a_stuck_row_is_left_alone_counted_and_listed(working, clock, in_ten_minutes, tenant):
    stuck, due = working(2)
    FlowTransaction.objects.filter(pk=stuck).update(stuck_since=clock.now(), code="provider_answer_lost")
    in_ten_minutes()
    report = recover_due()
    assert counts(report) == {"given_up": 1, "stuck": 1}
    assert [(p.id, p.what, p.code) for p in report.problems] == [
        (str(stuck), "stuck", "provider_answer_lost")
    ]
    assert rows.the_row(stuck).state == "exchanging_code"
    assert rows.the_row(due).state == "failed"
    assert counts(recover_due(dry_run=True)) == {"stuck": 1}


# A surrounding transaction.


@pytest.mark.django_db(transaction=True)
def test_inside_of_a_transaction_a_sweep_is_refused(tenant, clock, transactional_db):
    from django.db import transaction

    from tests.support.attempts import Attempt
    from tests.support.callers import Person

    Attempt(tenant, Person())
    clock.advance(601)
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        expire_due()
    assert states() == {"awaiting_callback"}


def broken(monkeypatch, ids, error):
    """Let recovery of these rows raise; return the list of ids that it was asked for."""
    met, recover = [], Engine.recover

    def raising(self, id_, caller):
        assert isinstance(caller, SystemCaller)
        if id_ in ids:
            met.append(id_)
            raise type(error)(*error.args)
        return recover(self, id_, caller)

    monkeypatch.setattr(Engine, "recover", raising)
    return met


def windows_of(monkeypatch, size) -> None:
    windows = DueRows.windows
    monkeypatch.setattr(sweeping.DueRows, "windows", lambda self: windows(self, size))
