"""Finished rows pile up and no sweep gets slower: the partial indexes of open rows are all that it reads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stateful_oauth.django.attempts.counting import count_hours
from stateful_oauth.django.sweeps.purging import purge
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.storage.models import FlowTransaction
from tests.support.counting import Count, counted
from tests.support.finished import seed_finished
from tests.support.plans import plan, reads_a_whole_table

pytestmark = pytest.mark.database

_ROWS = 20_000  # so many that reading a whole table would never be the cheaper plan


def by_an_index(count: Count, *names: str) -> str:
    """Every statement that looks for rows finds them by an index; return the plan of the first one."""
    looked = [
        text
        for name, text in zip(count.statements, count.texts, strict=True)
        if not name.startswith(("INSERT", "SELECT session", "SELECT hourofattempts"))  # few rows, or none
    ]
    for sql, parameters in looked:
        assert not reads_a_whole_table(sql, parameters), f"{sql}\n{plan(sql, parameters)}"
    first = plan(*looked[0])
    assert any(name in first for name in names), first
    return first


@pytest.mark.parametrize("chosen", [{}, {"kind": "login", "tenant": "default"}], ids=["all", "chosen"])
def test_expiring_reads_open_rows_by_their_index(waiting, in_ten_minutes, chosen):
    waiting(30)
    seed_finished(_ROWS)
    in_ten_minutes()
    with counted() as count:
        assert expire_due(**chosen).counts["expired"] == 30
    by_an_index(count, "stateful_oauth_waiting")


@pytest.mark.parametrize("chosen", [{}, {"kind": "login", "tenant": "default"}], ids=["all", "chosen"])
def test_recovering_reads_open_rows_by_their_index(working, in_ten_minutes, chosen):
    working(30)
    seed_finished(_ROWS)
    in_ten_minutes()
    with counted() as count:
        assert recover_due(**chosen).counts["given_up"] == 30
    by_an_index(count, "stateful_oauth_working")


def test_looking_and_counting_read_open_rows_by_their_index(waiting, working, in_ten_minutes, clock):
    waiting(3)
    working(3)
    FlowTransaction.objects.filter(pk=working()[0]).update(stuck_since=clock.now())
    seed_finished(_ROWS)
    in_ten_minutes()
    for sweep, index in ((expire_due, "stateful_oauth_waiting"), (recover_due, "stateful_oauth_working")):
        with counted() as count:
            assert sweep(dry_run=True).counts["due"] == 3
        by_an_index(count, index)


def test_purging_begins_at_the_oldest_and_ends_at_the_age(waiting, clock):
    """By the key alone, which is ordered by time."""
    seed_finished(_ROWS)
    waiting(3)
    clock.advance(60)
    count_hours(before=clock.now() - timedelta(days=29), are_final=True)  # reads what it counts, once
    with counted() as count:
        assert purge(timedelta(days=30), limit=100) == 100
        assert purge(timedelta(days=30 * 365)) == 0
    by_an_index(count, "pkey", "autoindex")


def test_how_many_statements_a_sweep_takes(waiting, working, in_ten_minutes):
    """Exactly, so that a change is noticed; the engine's own are three per row."""
    with counted() as nothing:
        expire_due()
    assert nothing.statements == ["SELECT row"]
    with counted() as nothing:
        recover_due()
    assert nothing.statements == ["SELECT row", "SELECT row"], "What is due, and how many are stuck."

    waiting(20)
    in_ten_minutes()
    with counted() as count:
        expire_due()
    windows, looks = 1, 2
    assert len(count.statements) == windows + looks + 20 * len(["SELECT row", "UPDATE row", "INSERT log"])

    working(20)
    in_ten_minutes()
    with counted() as count:
        recover_due()
    stuck = 1
    assert len(count.statements) == windows + looks + stuck + 20 * 3
