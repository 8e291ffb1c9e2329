"""The sweeps as Django Tasks: in this process, and with real workers in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.processes import Site, make_rows

pytestmark = pytest.mark.database


@pytest.fixture
def tasks():
    from stateful_oauth.django.sweeps import tasks

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
    assert "1 transactions need an operator" in caplog.text


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

ENQUEUE = """
from stateful_oauth.django.sweeps import tasks
results = [
    tasks.recover_flows.enqueue(),
    tasks.expire_flows.enqueue(kind="login"),
    tasks.expire_flows.using(queue_name="night").enqueue(limit=1000),
]
print(json.dumps([result.id for result in results]))
"""
RESULTS = """
from collections import Counter
from stateful_oauth.django.sweeps import tasks
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
    assert site.run(make_rows(waiting=25, working=5)) == 30
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
def test_a_backend_without_a_default_queue_is_taken_as_it_is():
    """A project's own name for its queue: importing the tasks must not fail. It asks no database."""
    code = """
from django.conf import settings
settings.TASKS = {"default": {**settings.TASKS["default"], "QUEUES": ["night"]}}
from stateful_oauth.django.sweeps import tasks
print(json.dumps([task.queue_name for task in (tasks.recover_flows, tasks.expire_flows, tasks.purge_flows)]))
"""
    assert Site(database="of nobody").run(code) == ["night"] * 3


def test_without_the_tasks_api_the_error_names_the_extra():
    code = (
        "import django, sys; sys.path[:0] = sys.argv[1:]; django.setup()\n"
        "sys.modules.update({'django.tasks': None, 'django_tasks': None})\n"
        "import stateful_oauth.django.sweeps.tasks"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=False
    )
    assert "ImproperlyConfigured" in done.stderr
    assert "django-stateful-oauth[tasks]" in done.stderr
