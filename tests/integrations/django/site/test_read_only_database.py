"""A database that answers, but takes no writes: the same as one that is gone, and readiness says so."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from stateful_oauth.django.doctor import readiness
from stateful_oauth.django.views.readiness import readiness_view
from tests.support.read_only import read_only
from tests.support.rows import the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"


def test_start_on_a_read_only_database_shows_the_page(browser):
    with read_only():
        response = browser.get("/auth/login/?next=/profile/")
    assert response.status_code == 503
    assert "store_unavailable" in response.content.decode()
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_callback_on_a_read_only_database_can_be_reloaded(browser, tenant):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    with read_only():
        assert browser.get(callback).status_code == 503
    assert tenant.requests["/oauth/token"] == 0
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_sign_out_on_a_read_only_database_shows_the_page(browser):
    browser.sign_in(ADA)
    with read_only():
        assert browser.post("/auth/logout/").status_code == 503
    assert browser.post("/auth/logout/").status_code == 303


@pytest.mark.parametrize("command", ["expire_flows", "recover_flows", "purge_flows"])
def test_sweep_of_a_read_only_database_ends_with_one_clear_line(browser, clock, command):
    browser.start()
    clock.advance(90 * 86_400)
    if command == "purge_flows":
        call_command("expire_flows", verbosity=0)
    options = {"older_than": "1d"} if command == "purge_flows" else {}
    if command == "recover_flows":
        row = the_row()
        row.state, row.state_kind = "exchanging_code", "working"
        row.lease_until, row.deadline = row.deadline, None
        row.save()
    if command == "purge_flows":
        clock.advance(90 * 86_400)
    with read_only(), pytest.raises(CommandError) as raised:
        call_command(command, verbosity=0, **options)
    assert raised.value.returncode == 1


def test_rotation_on_a_read_only_database_can_be_run_again(browser, settings, capsys):
    browser.start()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    with read_only(), pytest.raises(CommandError, match="Run the command again"):
        call_command("rotate_secrets")
    call_command("rotate_secrets")
    assert capsys.readouterr().out == "rotated: 1\n"


def test_site_whose_database_takes_no_writes_is_not_ready(browser):
    with read_only():
        report = readiness()
        response = readiness_view(RequestFactory().get("/ready/"))
    assert not report.ok
    assert {stage.name: str(stage.verdict) for stage in report.stages}["database"] == "failed"
    assert response.status_code == 503
    assert json.loads(response.content)["ok"] is False
    assert readiness().ok
