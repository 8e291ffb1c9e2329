"""Several sweeps at once share the work: each row is brought on once, and hardly one is looked at in vain."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from stateful_oauth.django.sweeps.purging import age, purge
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support import rows
from tests.support.file_database import database_in_a_file
from tests.support.processes import make_rows
from tests.support.together import together

pytestmark = pytest.mark.database

SWEEPS = 4


@pytest.fixture
def database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Commit for real, on a database that takes several connections."""
    if connection.vendor != "sqlite":
        yield
        return
    with database_in_a_file(tmp_path, timeout=30):
        yield


@pytest.fixture
def asked(monkeypatch) -> Counter:
    """How often the engine was asked to bring on each row."""
    asked, recover = Counter(), Engine.recover

    def counted(self, id_, caller):
        asked[id_] += 1
        return recover(self, id_, caller)

    monkeypatch.setattr(Engine, "recover", counted)
    return asked


def total(reports) -> Counter:
    """Add up what several sweeps did."""
    found: Counter = Counter()
    for report in reports:
        found.update(report.counts)
    return found


def test_each_row_is_expired_once_and_few_are_looked_at_in_vain(database, waiting, in_ten_minutes, asked):
    waiting(200)
    in_ten_minutes()
    reports = together([expire_due] * SWEEPS)
    found = total(reports)
    assert (found["expired"], found["broken"], found["quarantined"]) == (200, 0, 0), reports
    assert TransitionRecord.objects.filter(event="expire", rejected=False).count() == 200
    assert set(FlowTransaction.objects.values_list("state", flat=True)) == {"expired"}
    in_vain = asked.total() - 200
    # Four sweeps that go the same way would look at 600 in vain. Theirs are random: 10 to 45 as a rule.
    assert in_vain <= 150, f"{in_vain} of {asked.total()} looks were in vain."
    assert sum(report.counts["expired"] > 0 for report in reports) >= 2, "One did all the work."
    rows.check_rows()


def test_an_effect_is_repeated_once_however_many_sweeps_find_it(database, tenant, clock, settings):
    """The tenant counts: one more call per row, not one per sweep."""
    from tests.support.attempts import Attempt
    from tests.support.callers import Person
    from tests.support.crashes import crash_at

    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": True}
    tenant.settings.par = True
    for number in range(40):
        with crash_at("effect.before", "push_request"):
            Attempt(tenant, Person(str(number), is_new_browser=True))
    clock.advance(60)
    assert tenant.requests["/oauth/par"] == 0
    reports = together([recover_due] * SWEEPS)
    assert total(reports)["recovered"] == 40, reports
    assert tenant.requests["/oauth/par"] == 40
    rows.nothing_working()
    rows.check_rows()


def test_a_browser_that_comes_back_meanwhile_is_told_the_same(database, waiting, in_ten_minutes, tenant):
    """The sweep and the browsers' own pages race for the same rows."""
    from stateful_oauth.django import wiring
    from tests.support.callers import Person

    ids = waiting(40)
    in_ten_minutes()

    class Owner(Person):
        def __init__(self, id_):
            super().__init__()
            self.browser = bytes(rows.the_row(id_).browser)
            self.browsers = (self.browser,)

    def follow():
        return [wiring.engine().follow(id_, Owner(id_)).code for id_ in ids]

    _, codes, _ = together([expire_due, follow, expire_due])
    assert set(codes) <= {"transaction_expired", "fence_lost"}
    assert TransitionRecord.objects.filter(event="expire", rejected=False).count() == 40
    rows.check_rows()


def test_purges_at_once_delete_each_row_once(database, clock):
    from tests.support.finished import seed_finished

    seed_finished(2_000)
    deleted = together([lambda: purge(age("30d"), batch=50)] * SWEEPS)
    assert sum(deleted) == 2_000, deleted
    assert (FlowTransaction.objects.count(), TransitionRecord.objects.count()) == (0, 0)


def test_a_connection_that_is_cut_costs_one_row(database, waiting, in_ten_minutes, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to cut")
    waiting(5)
    in_ten_minutes()
    recover, cut = Engine.recover, []

    def cutting(self, id_, caller):
        if not cut:
            cut.append(id_)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (pid,) = cursor.fetchone()

            def kill():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

            together([kill])
        return recover(self, id_, caller)

    monkeypatch.setattr(Engine, "recover", cutting)
    report = expire_due()
    assert (report.counts["expired"], report.counts["broken"]) == (4, 1), report
    assert report.problems[0].id == str(cut[0])
    assert expire_due().counts["expired"] == 1, "The next sweep finds it."


@pytest.mark.slow
def test_sweeps_in_processes_of_their_own(site):
    assert site.run(make_rows(waiting=60, working=15)) == 75
    started = [
        site.start("-m", "django", f"{command}_flows", "--format=json")
        for command in ("expire", "recover")
        for _ in range(2)
    ]
    reports = [json.loads(site.wait(each)) for each in started]
    assert sum(report.get("expired", 0) for report in reports) == 60, reports
    assert sum(report.get("given_up", 0) for report in reports) == 15, reports
    assert not any(report["problems"] for report in reports), reports
    found = site.run(
        "from stateful_oauth.storage.models import TransitionRecord\n"
        "lines = TransitionRecord.objects.filter(rejected=False)\n"
        "print(json.dumps([lines.filter(event=e).count() for e in ('expire', 'fail')]))"
    )
    assert found == [60, 15]


@pytest.mark.slow
def test_a_sweep_that_is_killed_leaves_the_rest_to_the_next_one(site):
    many = 200  # so many that it is killed before it is done, however late this busy process is
    site.run(make_rows(waiting=many, working=0))
    killed = site.start("-m", "django", "expire_flows", "--verbosity=3")
    assert killed.stderr is not None
    killed.stderr.readline()  # it says so after its first row
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    report = json.loads(site.manage("expire_flows", "--format=json"))
    found = site.run(
        "from tests.support import rows\n"
        "from stateful_oauth.storage.models import FlowTransaction\n"
        "rows.check_rows()\n"
        "print(json.dumps(FlowTransaction.objects.filter(state='expired').count()))"
    )
    assert found == many
    assert 0 < report["expired"] < many, "It was not killed in between."
