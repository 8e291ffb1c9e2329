"""The sweeps as Django Tasks: in this process, and with real workers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stateful_oauth.storage.models import FlowTransaction

pytestmark = pytest.mark.database

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def tasks():
    from stateful_oauth.integrations.django import tasks

    return tasks


def test_a_task_does_its_work_and_returns_json(waiting, working, in_ten_minutes, tasks, clock):
    waiting(3)
    working(2)
    in_ten_minutes()
    expired = tasks.expire_flows.enqueue(limit=2).return_value
    assert expired == {
        "due": 0,
        "expired": 2,
        "overtaken": 0,
        "quarantined": 0,
        "broken": 0,
        "due_rows": [],
        "problems": [],
    }
    recovered = tasks.recover_flows.enqueue(kind="login", tenant="default").return_value
    assert recovered["given_up"] == 2
    clock.advance(86_400)
    assert tasks.purge_flows.enqueue(older_than="1h", states=["expired"]).return_value == {"purged": 2}
    assert json.dumps(recovered)
    assert sorted(FlowTransaction.objects.values_list("state", flat=True)) == [
        *("awaiting_callback", "failed", "failed")
    ]


def test_rows_that_need_somebody_are_in_the_result_and_in_the_log(
    working, in_ten_minutes, tasks, clock, caplog
):
    (stuck,) = working()
    FlowTransaction.objects.filter(pk=stuck).update(stuck_since=clock.now())
    in_ten_minutes()
    result = tasks.recover_flows.enqueue().return_value
    assert (result["stuck"], result["problems"][0]["id"]) == (1, str(stuck))
    assert "1 transactions need somebody" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"older_than": "old"},
        {"older_than": "30d", "kind": "logn"},
        {"older_than": "30d", "tenant": "nobody"},
        {"older_than": "30d", "states": ["signd_in"]},
        {"older_than": "30d", "limit": 0},
    ],
    ids=str,
)
def test_an_argument_that_makes_no_sense_fails_the_task(db, tasks, arguments):
    result = tasks.purge_flows.enqueue(**arguments)
    assert result.status == "FAILED"
    assert result.errors[0].exception_class_path == "builtins.ValueError"


# Workers in processes of their own.


class Site:
    """A database of its own, and processes that share it."""

    def __init__(self, name: str) -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "testsite.tasks",
            "PYTHONPATH": str(SUPPORT),
            "STATEFUL_OAUTH_TEST_DATABASE": name,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> str:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    def manage(self, *arguments: str) -> str:
        return self.wait(self.start("-m", "django", *arguments))

    def run(self, code: str) -> Any:
        """Run code in a process that has Django set up; return what its last line says in JSON."""
        code = f"import django\ndjango.setup()\nimport json\n{code}"
        return json.loads(self.wait(self.start("-c", code)).splitlines()[-1])


@pytest.fixture
def site(tmp_path, db, request) -> Iterator[Site]:
    from django.db import connection

    if connection.vendor == "sqlite":
        name = str(tmp_path / "tasks.sqlite3")
        site = Site(name)
        site.manage("migrate", "--verbosity=0")
        yield site
        return
    name = f"tasks_{os.getpid()}"
    with administering(connection) as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        site = Site(name)
        site.manage("migrate", "--verbosity=0")
        yield site
    finally:
        with administering(connection) as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def administering(connection):
    """A cursor outside of any transaction, in which databases can be made."""
    return connection._nodb_cursor()


MAKE_ROWS = """
from datetime import timedelta
from django.db.models import F
import support
from attempts import Attempt
from callers import Person
from crashes import crash_at
from stateful_oauth.storage.models import FlowTransaction
for number in range({waiting}):
    Attempt(support.current[0], Person(str(number), is_new_browser=True))
for number in range({working}):
    attempt = Attempt(support.current[0], Person("w" + str(number), is_new_browser=True)).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
ago = timedelta(hours=1)
FlowTransaction.objects.update(deadline=F("deadline") - ago, lease_until=F("lease_until") - ago)
print(json.dumps(FlowTransaction.objects.count()))
"""
ENQUEUE = """
from stateful_oauth.integrations.django import tasks
results = [
    tasks.recover_flows.enqueue(),
    tasks.expire_flows.enqueue(kind="login"),
    tasks.expire_flows.using(queue_name="night").enqueue(limit=1000),
]
print(json.dumps([result.id for result in results]))
"""
RESULTS = """
from collections import Counter
from stateful_oauth.integrations.django import tasks
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
results = [tasks.recover_flows.get_backend().get_result(id) for id in {ids}]
print(json.dumps({{
    "status": [str(result.status) for result in results],
    "values": [r.return_value if r.status == "SUCCESSFUL" else str(r.errors) for r in results],
    "workers": [*{{worker for result in results for worker in result.worker_ids}}],
    "states": dict(Counter(FlowTransaction.objects.values_list("state", flat=True))),
    "expired": TransitionRecord.objects.filter(event="expire", rejected=False).count(),
}}))
"""


@pytest.mark.slow
def test_workers_in_other_processes_do_what_was_enqueued(site):
    """Three processes: one enqueues, two work at once, and only the database connects them."""
    assert site.run(MAKE_ROWS.format(waiting=25, working=5)) == 30
    ids = site.run(ENQUEUE)
    worker = ["-m", "django", "db_worker", "--batch", "--queue-name=*", "--no-startup-delay", "--interval=0"]
    workers = [site.start(*worker, f"--worker-id={name}") for name in ("one", "two")]
    for each in workers:
        site.wait(each)
    found = site.run(RESULTS.format(ids=ids))
    assert found["status"] == ["SUCCESSFUL"] * 3, found["values"]
    recovered, *expired = found["values"]
    assert (recovered["given_up"], recovered["problems"]) == (5, [])
    assert sum(each["expired"] for each in expired) == 25, expired
    assert found["expired"] == 25, "Each was expired once."
    assert found["states"] == {"expired": 25, "failed": 5}
    assert set(found["workers"]) <= {"one", "two"}


@pytest.mark.slow
def test_a_backend_without_a_default_queue_is_taken_as_it_is(site):
    """A project's own name for its queue: importing the tasks must not fail."""
    code = """
from django.conf import settings
settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["night"]}}
from stateful_oauth.integrations.django import tasks
print(json.dumps([task.queue_name for task in (tasks.recover_flows, tasks.expire_flows, tasks.purge_flows)]))
"""
    assert site.run(code) == ["night"] * 3
