"""Many rows whose users did not come back expire in one commit, each with its log line."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.signals import flow_settled
from stateful_oauth.django.sweeps import sweeping
from stateful_oauth.django.sweeps.sweeping import expire_due
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support.counting import counted
from tests.support.rows import check_rows

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def batches_of_five(monkeypatch):
    monkeypatch.setattr(sweeping, "_TOGETHER", 5)


def expired():
    return FlowTransaction.objects.filter(state="expired").count()


def test_rows_expire_in_one_commit_for_each_batch(batches_of_five, waiting, in_ten_minutes):
    waiting(11)
    in_ten_minutes()
    with counted() as count:
        report = expire_due()
    assert report.counts["expired"] == expired() == 11
    assert count.commits == 3
    assert count.statements.count("INSERT log") == 3
    assert TransitionRecord.objects.filter(event="expire", rejected=False).count() == 11
    assert not FlowTransaction.objects.exclude(secrets=None).exists()
    check_rows()


def test_observers_are_told_of_each_row(batches_of_five, waiting, in_ten_minutes):
    told = []

    def note(**details):
        told.append(details)

    waiting(10)
    in_ten_minutes()
    flow_settled.connect(note)
    try:
        expire_due()
    finally:
        flow_settled.disconnect(note)
    assert len(told) == 10


def test_row_that_cannot_be_read_is_named_and_holds_up_no_other(batches_of_five, waiting, in_ten_minutes):
    first, *_ = waiting(10)
    in_ten_minutes()
    FlowTransaction.objects.filter(pk=first).update(definition_version=99)
    report = expire_due()
    assert report.counts["expired"] == expired() == 9
    assert [(each.id, each.what) for each in report.problems] == [(str(first), "quarantined")]


def test_rows_that_are_not_due_yet_are_left_alone(batches_of_five, waiting, in_ten_minutes):
    waiting(10)
    in_ten_minutes()
    waiting(10)
    assert expire_due().counts["expired"] == expired() == 10


def test_a_limit_of_the_sweep_holds_for_batches(batches_of_five, waiting, in_ten_minutes):
    waiting(13)
    in_ten_minutes()
    assert expire_due(limit=7).counts["expired"] == expired() == 7


def test_sweeps_that_meet_expire_each_row_once(batches_of_five, waiting, in_ten_minutes, monkeypatch):
    waiting(10)
    in_ten_minutes()
    engine = sweeping.wiring.engine()
    together = engine.expire_together

    def another_sweep_was_faster(ids, caller):
        together(ids, caller)
        return together(ids, caller)

    monkeypatch.setattr(engine, "expire_together", another_sweep_was_faster)
    report = expire_due()
    assert expired() == 10
    assert report.counts["expired"] == 0
    assert TransitionRecord.objects.filter(event="expire", rejected=False).count() == 10


def test_engine_judges_each_row_of_a_batch_by_itself(waiting):
    """A row may have been brought on, and wait anew, since the sweep read it."""
    ids = waiting(3)
    assert sweeping.wiring.engine().expire_together(ids, SystemCaller()) == frozenset()
    assert expired() == 0
