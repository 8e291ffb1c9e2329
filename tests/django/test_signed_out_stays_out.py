"""Whoever has signed out, by whichever view, does not come back by the back button (S6, S8)."""

from __future__ import annotations

import pytest
from django.contrib.auth import logout as django_logout
from django.http import HttpResponse
from django.urls import include, path
from error_pages import error_code

from stateful_oauth.storage.models import FlowTransaction, Grant

pytestmark = [pytest.mark.database, pytest.mark.urls(__name__)]


def leave(request):
    django_logout(request)
    return HttpResponse("bye")


urlpatterns = [
    path("auth/", include("stateful_oauth.integrations.django.urls")),
    path("profile/", lambda request: HttpResponse("profile")),
    path("leave/", leave),
]
ADA, BOB = "ada@example.com", "bob@example.com"


def test_by_a_view_of_the_projects_own(browser):
    callback = browser.authorize(browser.start(), ADA)
    browser.get(callback)
    browser.get("/leave/")
    assert error_code(browser.get(callback)) == "already_completed"
    assert browser.user_id is None


def test_nor_by_the_page_of_an_attempt_in_progress(browser):
    browser.sign_in(ADA)
    browser.get("/leave/")
    row = FlowTransaction.objects.get()
    assert error_code(browser.get(f"/auth/progress/{row.pk}/")) == "already_completed"
    assert browser.user_id is None


def test_nor_after_somebody_else_used_the_browser(browser):
    adas = browser.authorize(browser.start(), ADA)
    browser.get(adas)
    browser.visitor.close_browser()
    browser.sign_in(BOB)
    browser.get("/leave/")
    assert error_code(browser.get(adas)) == "already_completed"
    assert browser.user_id is None


def test_another_browser_of_the_same_user_is_not_concerned(browser, another_browser):
    elsewhere = another_browser()
    callback = elsewhere.authorize(elsewhere.start(), ADA)
    elsewhere.get(callback)
    browser.sign_in(ADA)
    browser.get("/leave/")
    elsewhere.client.cookies.pop("sessionid")
    assert elsewhere.get(callback)["Location"] == "/profile/"
    assert elsewhere.user_id is not None


def test_signing_in_anew_ends_the_grant_of_the_session_before(browser, settings):
    """B26, B29: a refresh token that no session names any more is not kept."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    browser.sign_in(ADA)
    live = Grant.objects.filter(ended_at__isnull=True)
    assert [str(grant.pk) for grant in live] == [browser.client.session["stateful_oauth"]["grant"]]
    assert Grant.objects.count() == 2
