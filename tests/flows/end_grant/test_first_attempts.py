"""With a backend of Django Tasks, a token is revoked right after the commit that lets it go."""

from __future__ import annotations

from collections import deque

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from stateful_oauth.django.conf import conf
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction, Grant
from stateful_oauth.testing.world.living_tokens import living_families
from tests.support.accounts_site import XPTO
from tests.support.crashes import crash_at

try:
    from django.tasks import task_backends
    from django.tasks.backends.dummy import DummyBackend
    from django.tasks.backends.immediate import ImmediateBackend
except ImportError:
    from django_tasks import task_backends
    from django_tasks.backends.dummy import DummyBackend
    from django_tasks.backends.immediate import ImmediateBackend

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]


class Broken(DummyBackend):
    """A queue that does not answer."""

    def enqueue(self, *arguments, **options):
        raise ConnectionError("the queue is not there")


@pytest.fixture
def background(tenant, browser, settings):
    """Choose where background work goes, and sign a user in."""

    def choose(backend, alias="background", queues=("default",)):
        path = f"{backend.__module__}.{backend.__qualname__}"
        settings.TASKS = {
            "default": {"BACKEND": f"{DummyBackend.__module__}.DummyBackend"},
            "background": {"BACKEND": path, "QUEUES": list(queues)},
        }
        settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "TASK_BACKEND": alias}
        tenant.add_user(email=XPTO, password="a good one")
        browser.sign_in(XPTO)
        return task_backends["background"]

    return choose


def rows():
    return list(FlowTransaction.objects.filter(kind="end_grant").values_list("state", flat=True))


def test_token_is_revoked_without_a_sweep(tenant, browser, background):
    background(ImmediateBackend)
    browser.post("/auth/logout/")
    assert rows() == ["ended"]
    assert not living_families(tenant)


@pytest.mark.parametrize("queues", [("default",), ("night",)])
def test_request_enqueues_the_row_and_waits_for_nothing(tenant, browser, background, queues):
    backend = background(DummyBackend, queues=queues)
    before = tenant.requests["/oauth/revoke"]
    browser.post("/auth/logout/")
    assert rows() == ["revoking"]
    assert tenant.requests["/oauth/revoke"] == before
    (result,) = deque(backend.results)
    assert result.task.queue_name == queues[0]
    assert [*result.args] == [str(FlowTransaction.objects.get(kind="end_grant").pk)]


def test_queue_that_does_not_answer_fails_no_sign_out(tenant, browser, background, caplog):
    background(Broken)
    assert browser.post("/auth/logout/").status_code == 303
    assert browser.user_id is None
    assert "a sweep will do it" in caplog.text
    recover_due()
    assert rows() == ["ended"]


def test_attempt_that_fails_is_repeated_by_the_sweeps(tenant, browser, background, clock):
    background(ImmediateBackend)
    tenant.faults.add("/oauth/revoke", "server_error", 2)
    browser.post("/auth/logout/")
    assert rows() == ["revoking"]
    for _ in range(3):
        clock.advance(600)
        recover_due()
    assert rows() == ["ended"]


def test_transaction_that_is_rolled_back_enqueues_nothing(tenant, browser, background):
    from django.contrib.auth import get_user_model
    from django.db import transaction

    backend = background(DummyBackend)
    with transaction.atomic():
        get_user_model().objects.get().delete()
        transaction.set_rollback(True)
    assert (rows(), [*backend.results]) == ([], [])
    assert Grant.objects.filter(ended_at=None).exists()


def test_task_that_comes_twice_revokes_once(tenant, browser, background):
    from stateful_oauth.django.sweeps import tasks

    background(DummyBackend)
    browser.post("/auth/logout/")
    key = str(FlowTransaction.objects.get(kind="end_grant").pk)
    for _ in range(2):
        tasks.recover_flow.func(key)
    assert rows() == ["ended"]
    assert tenant.requests["/oauth/revoke"] == 1


def test_worker_that_dies_before_it_enqueues_leaves_the_row_to_a_sweep(tenant, browser, background):
    background(ImmediateBackend)
    callback = browser.authorize(browser.start(), XPTO)
    with crash_at("settle.after_commit", "code_exchanged"):
        browser.get(callback)
    recover_due()
    assert set(rows()) <= {"ended"}


@pytest.mark.parametrize(("alias", "found"), [("", False), ("background", False), ("nowhere", True)])
def test_backend_that_is_not_there_is_found_by_the_checks(background, alias, found):
    background(DummyBackend)
    with override_settings(STATEFUL_OAUTH={**conf.values, "TASK_BACKEND": alias}):
        assert ("stateful_oauth.E062" in {each.id for each in run_checks()}) is found
