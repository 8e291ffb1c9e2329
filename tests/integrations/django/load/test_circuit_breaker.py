"""Calls that fail in a row hold back the next ones; one at a time finds out whether the provider is back."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import error_code

pytestmark = pytest.mark.database

ADA = "ada@example.com"
TOKEN = "/oauth/token"


@pytest.fixture
def failing(browser, tenant, another_browser):
    """Five exchanges whose answers were lost, one after the other."""
    tenant.faults.add(TOKEN, "lost_answer", times=5)
    for _ in range(5):
        assert error_code(another_browser().sign_in(ADA)) == "code_exchange_lost"
    return tenant


def test_start_while_calls_fail_says_so_and_tries_again(failing, browser, clock):
    before = FlowTransaction.objects.count()
    page = browser.get("/auth/login/?next=/profile/")
    assert page.status_code == 503
    assert page["Refresh"] == "10"
    assert "<code>service_failing</code>" in page.content.decode()
    assert FlowTransaction.objects.count() == before
    clock.advance(10)
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_callback_while_calls_fail_keeps_its_code(browser, another_browser, tenant, clock):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    tenant.faults.add(TOKEN, "lost_answer", times=5)
    for _ in range(5):
        another_browser().sign_in(ADA)
    assert browser.get(callback).status_code == 503
    assert FlowTransaction.objects.filter(state="awaiting_callback").count() == 1
    clock.advance(10)
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_one_call_at_a_time_probes_the_provider(browser, another_browser, tenant, clock, slow):
    slow.are_slow = False
    callbacks = []
    for _ in range(2):
        each = another_browser()
        callbacks.append((each, each.visitor.authorize(each.start("/profile/?tab=2"), ADA)))
    tenant.faults.add(TOKEN, "lost_answer", times=5)
    for _ in range(5):
        another_browser().sign_in(ADA)
    clock.advance(10)
    slow.are_slow = True
    (first, callback), (second, other) = callbacks
    assert first.get(callback).status_code == 303
    assert second.get(other).status_code == 503
    slow.finish()
    slow.are_slow = False
    assert second.get(other)["Location"] == "/profile/?tab=2"


def test_pause_doubles_while_probes_fail(failing, browser, clock):
    pauses = []
    for pause in (10, 20, 40):
        clock.advance(pause)
        failing.faults.add(TOKEN, "lost_answer")
        assert error_code(browser.sign_in(ADA)) == "code_exchange_lost"
        clock.advance(pause)
        pauses.append(browser.get("/auth/login/").status_code)
        clock.advance(-pause)
    assert pauses == [503, 503, 503]


def test_refusals_are_answers_and_hold_back_nothing(browser, another_browser, tenant):
    tenant.faults.add(TOKEN, "answer", status=403, json={"error": "invalid_grant"}, times=9)
    for _ in range(9):
        another_browser().sign_in(ADA)
    assert browser.get("/auth/login/").status_code == 303


def test_success_in_between_starts_the_count_anew(browser, another_browser, tenant):
    for _ in range(2):
        tenant.faults.add(TOKEN, "lost_answer", times=4)
        for _ in range(4):
            another_browser().sign_in(ADA)
        assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_setting_switches_the_breaker_off(browser, another_browser, tenant, configure):
    configure(BREAKER_FAILURES=0)
    tenant.faults.add(TOKEN, "lost_answer", times=9)
    for _ in range(9):
        another_browser().sign_in(ADA)
    assert browser.get("/auth/login/").status_code == 303


def test_operators_read_it_in_the_log_and_the_doctor_says_it(failing, browser, clock, caplog):
    from stateful_oauth.django.doctor import diagnose, plan

    stage = next(each for each in diagnose(plan(outbound=False)).stages if each.name == "calls")
    assert str(stage.verdict) == "warning"
    assert "5 calls of exchange_code at default failed in a row" in stage.findings[0].message
    clock.advance(10)
    browser.sign_in(ADA)
    assert "calls of exchange_code at default answer again" in caplog.text
    stage = next(each for each in diagnose(plan(outbound=False)).stages if each.name == "calls")
    assert str(stage.verdict) == "ok"
