"""`ATOMIC_REQUESTS`: the package's views commit before they call the provider, and so opt out."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import include, path

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.starting import login_inputs
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.responses import respond
from tests.support.crashes import at
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

ADA = "ada@example.com"


def own_view(request):
    caller = BrowserCaller(request, bind=True)
    return respond(
        wiring.engine().start("login", login_inputs(request, conf.tenant("default")), caller), request
    )


urlpatterns = [path("auth/", include("stateful_oauth.django.urls")), path("own/", own_view)]


@pytest.fixture(autouse=True)
def atomic_requests():
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


def test_signing_in_and_out_works(browser):
    assert browser.sign_in(ADA, next_url="/profile/?tab=2")["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    assert browser.post("/auth/logout/").status_code == 303


def test_the_provider_is_called_outside_any_database_transaction(browser):
    """Claim and effect: what is claimed must be committed when the call goes out."""
    seen = []
    with at("effect.before", "exchange_code", lambda: seen.append(connection.in_atomic_block)):
        browser.sign_in(ADA)
    assert seen == [False]


def test_errors_have_their_pages_under_atomic_requests(browser):
    assert error_code(browser.get("/auth/callback/?code=x")) == "state_missing"
    assert browser.get("/auth/error/state_missing/").status_code == 400
    assert browser.get("/auth/restart/").status_code == 200


def test_a_projects_own_view_that_does_not_opt_out_is_told_so(browser):
    """Not silently in the wrong order: Django refuses a durable block inside another one."""
    with pytest.raises(RuntimeError, match="durable"):
        browser.get("/own/")
