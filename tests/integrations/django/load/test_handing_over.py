"""An effect that takes long goes on without its request; its browser follows on the progress page."""

from __future__ import annotations

import threading
import time

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from stateful_oauth.django.background import ThreadBackground
from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code
from tests.support.file_database import database_in_a_file
from tests.support.rows import check_rows, nothing_working, steps, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"


def come_back(browser):
    """Bring the callback of a sign-in; return where the progress page is."""
    response = browser.get(browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA))
    assert response.status_code == 303
    assert response["Location"] == f"/auth/progress/{the_row().pk}/"
    return response["Location"]


def test_slow_exchange_leads_to_the_progress_page_and_then_on(browser, tenant, slow):
    progress = come_back(browser)
    assert browser.user_id is None
    page = browser.get(progress)
    assert (page.status_code, page["Refresh"]) == (202, "1")
    before = Session.objects.count()
    slow.finish()
    assert the_row().state == "signed_in"
    assert browser.user_id is None
    assert Session.objects.count() == before, "Only a request can make the session."
    assert browser.get(progress)["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    assert tenant.requests["/oauth/token"] == 1
    assert steps()[-1] == ("resolving_account", "account_resolved", "signed_in")
    check_rows()


def test_second_delivery_of_a_slow_callback_waits_for_nothing(browser, tenant, slow, clock):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    browser.get(callback)
    assert browser.get(callback)["Location"].startswith("/auth/progress/")
    assert clock.slept == 0
    slow.finish()
    assert browser.get(callback)["Location"] == "/profile/?tab=2"
    assert tenant.requests["/oauth/token"] == 1


def test_another_browser_gets_no_session_of_a_slow_sign_in(browser, another_browser, slow):
    progress = come_back(browser)
    slow.finish()
    other = another_browser()
    other.get(progress)
    assert other.user_id is None


def test_user_who_signs_out_meanwhile_stays_signed_out(browser, slow):
    progress = come_back(browser)
    browser.post("/auth/logout/")
    slow.finish()
    browser.get(progress)
    assert browser.user_id is None


def test_process_that_dies_with_a_slow_exchange_leaves_it_to_recovery(browser, tenant, slow, clock):
    progress = come_back(browser)
    slow.die()
    clock.advance(60)
    assert error_code(browser.get(progress)) == "code_exchange_lost"
    assert tenant.requests["/oauth/token"] == 0, "The code was never sent, and is not sent again."
    nothing_working()
    check_rows()


def test_slow_answer_that_comes_after_recovery_signs_no_user_in(browser, tenant, slow, clock):
    progress = come_back(browser)
    clock.advance(60)
    assert error_code(browser.get(progress)) == "code_exchange_lost"
    slow.finish()
    assert the_row().state == "failed"
    assert browser.user_id is None
    check_rows()


def test_refusal_of_a_slow_exchange_is_shown_by_the_progress_page(browser, tenant, slow):
    tenant.faults.add("/oauth/token", "answer", status=403, json={"error": "invalid_grant"})
    progress = come_back(browser)
    slow.finish()
    assert error_code(browser.get(progress)) == the_row().code
    assert the_row().state == "failed"


def test_callback_answers_in_time_while_the_provider_is_slow(transactional_db, tmp_path, settings, tenant):
    """With real threads: nothing is handed over by a test's own hand."""
    if connection.vendor == "sqlite":
        with database_in_a_file(tmp_path):
            _answers_in_time(tenant, settings)
    else:
        _answers_in_time(tenant, settings)


def _answers_in_time(tenant, settings):
    answers, adapter = threading.Event(), tenant.adapter()

    class Slow(type(adapter)):
        def send(self, request, *args, **kwargs):
            if request.url.endswith("/oauth/token"):
                answers.wait(20)
            return super().send(request, *args, **kwargs)

    adapter.__class__ = Slow
    settings.STATEFUL_OAUTH = {
        **settings.STATEFUL_OAUTH,
        "TRANSPORT_ADAPTER": adapter,
        "ANSWER_WITHIN": 1.5,
    }
    try:
        browsers = [Browser(tenant) for _ in range(3)]
        took = []
        for browser in browsers:
            callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
            began = time.monotonic()
            browser.progress = browser.get(callback)["Location"]
            took.append(time.monotonic() - began)
            assert browser.progress.startswith("/auth/progress/")
    finally:
        answers.set()
    assert 1.5 <= took[0] < 5
    assert max(took[1:]) < 1.4, "While calls are slow, no request waits for one as long."
    for browser in browsers:
        deadline = time.monotonic() + 10
        while (page := browser.get(browser.progress)).status_code == 202:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert page["Location"] == "/profile/?tab=2"
        assert browser.user_id is not None
    assert tenant.requests["/oauth/token"] == 3
    check_rows()


def test_threads_are_used_only_where_they_see_the_database(db):
    calls = ThreadBackground(answer_within=1, threads=1)
    assert calls.within(0, threading.get_ident, lambda _: None)() == threading.get_ident()


def test_error_of_a_call_is_raised_where_it_is_waited_for(transactional_db, tmp_path):
    def fail():
        raise ArithmeticError(threading.get_ident())

    def raised():
        answer = ThreadBackground(answer_within=5, threads=1).within(0, fail, lambda _: None)
        with pytest.raises(ArithmeticError) as error:
            answer()
        assert error.value.args[0] != threading.get_ident()

    if connection.vendor == "sqlite":
        with database_in_a_file(tmp_path):
            raised()
    else:
        raised()
