"""Purging deletes what is over and old enough, with its log, and nothing else."""

from __future__ import annotations

import resource
from datetime import timedelta

import pytest
from django.db import connection

from stateful_oauth.django.sweeps.purging import age, purge
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support.counting import counted
from tests.support.finished import seed_finished

pytestmark = pytest.mark.database

MONTH = timedelta(days=30)


def left() -> tuple[int, int]:
    return FlowTransaction.objects.count(), TransitionRecord.objects.count()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("12h", timedelta(hours=12)),
        ("30d", MONTH),
        ("0d", timedelta(0)),
        ("8w", timedelta(weeks=8)),
    ],
)
def test_an_age_is_a_number_with_a_unit(text, expected):
    assert age(text) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5d", "30 d", "30D", "1d2h", "99999999d", "٣d"])
def test_an_age_that_is_written_wrongly_is_explained(text):
    with pytest.raises(ValueError, match="for example 30d"):
        age(text)


def test_what_is_over_and_old_goes_with_its_log_and_the_rest_stays(waiting, working, tenant, clock, browser):
    seed_finished(5)
    browser.sign_in("ada@example.com")
    clock.advance(86_400)
    browser.sign_in("ada@example.com")
    before = left()
    assert purge(MONTH) == 5
    assert left() == (before[0] - 5, before[1] - 20)
    assert purge(timedelta(hours=12)) == 1, "The one of yesterday."
    assert purge(timedelta(hours=12)) == 0
    assert FlowTransaction.objects.count() == 1


def test_an_open_transaction_is_never_deleted_however_old(waiting, working, clock):
    waiting(2)
    working(2)
    clock.advance(365 * 86_400)
    before = left()
    assert purge(timedelta(0)) == 0
    assert left() == before


def test_one_that_was_open_for_long_is_kept_for_as_long_as_any_other(waiting, clock, run):
    """Its id is old, its end is not: whoever looks into what happened finds it."""
    waiting(1)
    clock.advance(40 * 86_400)
    run("expire_flows")
    assert purge(MONTH) == 0
    clock.advance(31 * 86_400)
    assert purge(MONTH) == 1


@pytest.mark.parametrize("text", ["30000d", "999999d", "999999w"])
def test_an_age_of_before_there_were_any_is_no_error(db, clock, text):
    """Before 1970, and before the calendar begins."""
    seed_finished(1)
    assert purge(age(text)) == 0
    assert left() == (1, 4)


def test_only_of_a_flow_a_tenant_or_an_end(db, clock):
    seed_finished(6)
    ids = [*FlowTransaction.objects.order_by("pk").values_list("pk", flat=True)]
    FlowTransaction.objects.filter(pk=ids[0]).update(kind="shop.checkout", state="paid")
    FlowTransaction.objects.filter(pk=ids[1]).update(tenant="partners")
    FlowTransaction.objects.filter(pk=ids[2]).update(state="failed")
    FlowTransaction.objects.filter(pk=ids[3]).update(state="expired")
    assert purge(MONTH, kind="shop.checkout") == 1
    assert purge(MONTH, tenant="partners") == 1
    assert purge(MONTH, states=["failed", "expired"]) == 2
    assert left() == (2, 8)


def test_a_limit_takes_the_oldest_first(db, clock):
    seed_finished(10)
    ids = [*FlowTransaction.objects.order_by("pk").values_list("pk", flat=True)]
    assert purge(MONTH, limit=4, batch=3) == 4
    assert [*FlowTransaction.objects.order_by("pk").values_list("pk", flat=True)] == ids[4:]


def test_a_dry_run_of_purging_only_counts(run, db, clock):
    seed_finished(3)
    assert run("purge_flows", "--older-than=30d", "--dry-run") == (0, "due: 3\n")
    assert run("purge_flows", "--older-than=30d", "--dry-run", "--max=2", "--format=json")[1] == (
        '{"dry_run": true, "due": 2}\n'
    )
    assert left() == (3, 12)
    assert run("purge_flows", "--older-than=30d", "--max=2", "--state=signed_in") == (0, "purged: 2\n")
    assert left() == (1, 4)


# Sessions that are over go first. Before rows go, the attempts of each hour are counted
# (`attempts/counting.py`): these are of one hour.
COUNTED = [
    *("SELECT session", "SELECT hourofattempts", "SELECT row", "SELECT row"),
    *("SELECT log", "SELECT row", "SELECT hourofattempts", "INSERT hourofattempts"),
    "DELETE backchannellogout",
]


def test_each_batch_is_three_statements_and_one_short_transaction(transactional_db, clock):
    seed_finished(10)
    with counted() as count:
        assert purge(MONTH, batch=4) == 10
    batch = ["SELECT row", "DELETE log", "DELETE row"]
    assert count.statements == [*COUNTED, *batch * 3, "SELECT row"]
    assert count.commits == 5


def test_inside_of_a_transaction_it_is_refused(transactional_db, clock):
    from django.db import transaction

    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        purge(MONTH)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_rows_need_no_more_memory_and_no_more_per_row(transactional_db, clock, count):
    for first in range(1, count, 50_000):
        seed_finished(min(50_000, count + 1 - first), first)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    with counted() as statements:
        assert purge(MONTH) == count
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert left() == (0, 0)
    assert len(statements.statements) == len(COUNTED) + 3 * count / 500 + 1
    assert grown < 32 * 1024 or connection.vendor == "sqlite", f"{grown} KiB"  # SQLite's lies in memory here
