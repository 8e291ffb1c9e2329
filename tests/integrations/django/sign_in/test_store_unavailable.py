"""A database that is gone: a page that says so, no half session, and the attempt can go on afterwards."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError, connection

from tests.support.crashes import at
from tests.support.error_pages import error_code
from tests.support.rows import check_rows, nothing_working, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"


@contextmanager
def database_gone(error=OperationalError, *, only=""):
    """Every statement fails, except those that end what was begun."""

    def refuse(execute, sql, params, many, context):
        if sql.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE")) or only not in sql:
            return execute(sql, params, many, context)
        raise error("the database is restarting")

    with connection.execute_wrapper(refuse):
        yield


def gone(*_):
    raise OperationalError("the database is restarting")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_start_shows_a_page_with_a_way_on(browser, error):
    with database_gone(error):
        response = browser.get("/auth/login/?next=/profile/")
    assert response.status_code == 503
    assert "store_unavailable" in response.content.decode()
    assert response["Cache-Control"] == "no-store"
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_a_start_of_a_browser_that_was_here_before_shows_the_page_too(browser):
    browser.start()
    with database_gone():
        assert browser.get("/auth/login/").status_code == 503


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_callback_that_cannot_be_claimed_can_be_reloaded(browser, tenant, error):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    with database_gone(error):
        assert browser.get(callback).status_code == 503
    assert tenant.requests["/oauth/token"] == 0
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_a_claim_that_is_not_committed_is_no_claim(browser, tenant):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    with at("claim.before_commit", "callback", gone):
        assert browser.get(callback).status_code == 503
    assert tenant.requests["/oauth/token"] == 0
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


@pytest.mark.security("S8", "B43")
def test_a_settlement_that_is_not_committed_leaves_no_session_and_comes_to_an_end(browser, tenant, clock):
    """The session and the outcome are committed together or not at all."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    with at("settle.before_commit", "code_exchanged", gone):
        response = browser.get(callback)
    assert response.status_code == 503
    assert "sessionid" not in response.cookies
    assert "sessionid" not in browser.client.cookies
    assert not Session.objects.exists()
    assert not get_user_model().objects.exists()
    assert the_row().state == "exchanging_code"
    clock.advance(60)
    assert error_code(browser.get(callback)) == "code_exchange_lost"
    assert tenant.requests["/oauth/token"] == 1
    nothing_working()
    check_rows()


def test_a_settlement_that_is_not_committed_leaves_the_session_of_before_as_it_was(browser, tenant):
    browser.sign_in(ADA)
    user, key = browser.user_id, browser.client.session.session_key
    callback = browser.visitor.authorize(browser.start(), ADA)
    with at("settle.before_commit", "code_exchanged", gone):
        assert browser.get(callback).status_code == 503
    assert (browser.user_id, browser.client.session.session_key) == (user, key)


@pytest.mark.parametrize("engine", ["cache", "signed_cookies"])
def test_sessions_outside_the_database_are_not_half_made_either(browser, settings, engine):
    """Their writes are no part of the database's transaction, and so must not reach the browser."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    callback = browser.visitor.authorize(browser.start(), ADA)
    with at("settle.before_commit", "code_exchanged", gone):
        response = browser.get(callback)
    assert response.status_code == 503
    assert "sessionid" not in response.cookies
    assert browser.user_id is None


def test_the_page_of_a_lost_settlement_is_nobodys(browser, settings, tmp_path):
    """What `login()` wrote into the request is gone as well."""
    (tmp_path / "stateful_oauth").mkdir()
    (tmp_path / "stateful_oauth" / "error.html").write_text("[{{ request.user.pk }}]")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [str(tmp_path)]}]
    callback = browser.visitor.authorize(browser.start(), ADA)
    with at("settle.before_commit", "code_exchanged", gone):
        assert browser.get(callback).content == b"[]"


@pytest.mark.parametrize("address", ["/auth/progress/{pk}/", "/auth/error/access_denied/?transaction={pk}"])
def test_the_other_pages_say_so_too(browser, address):
    browser.start()
    row = the_row().pk
    with database_gone():
        response = browser.get(address.format(pk=row))
    assert response.status_code == 503
    assert "store_unavailable" in response.content.decode()


def test_a_duplicate_that_finds_no_database_can_be_reloaded(browser):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    browser.get(callback)
    del browser.client.cookies["sessionid"]
    with database_gone(only="auth_user"):
        assert browser.get(callback).status_code == 503
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_signing_out_shows_the_page_and_can_be_tried_again(browser):
    browser.sign_in(ADA)
    with database_gone():
        response = browser.post("/auth/logout/")
    assert response.status_code == 503
    assert browser.post("/auth/logout/").status_code == 303
    assert browser.user_id is None


def test_whoever_is_on_call_finds_it_in_the_log(browser, caplog):
    with database_gone():
        browser.get("/auth/login/")
    [record] = [record for record in caplog.records if record.name == "stateful_oauth.pages"]
    assert record.levelname == "ERROR"
    assert "the database is restarting" in caplog.text


def test_the_page_under_the_callback_gives_no_code_away_and_can_be_reloaded(browser):
    """RFC 9700 §4.2: its address holds the code, so it has no form and sends no referrer."""
    callback = browser.visitor.authorize(browser.start(), ADA)
    with database_gone():
        response = browser.get(callback)
    assert response["Referrer-Policy"] == "no-referrer"
    page = response.content.decode()
    assert "<form" not in page
    assert 'href=""' in page
    assert callback.fields["code"] not in page
