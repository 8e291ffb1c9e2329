"""Whoever has signed out, by whichever view, does not come back by the back button."""

from __future__ import annotations

import pytest
from django.contrib.auth import logout as django_logout
from django.contrib.auth.signals import user_logged_in
from django.db import OperationalError
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage.models import FlowTransaction, Grant
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.security("S6", "S8"), pytest.mark.database, pytest.mark.urls(__name__)]


def leave(request):
    django_logout(request)
    return HttpResponse("bye")


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
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


def test_the_progress_page_signs_in_no_user_who_signed_out(browser):
    browser.sign_in(ADA)
    browser.get("/leave/")
    row = FlowTransaction.objects.get()
    assert error_code(browser.get(f"/auth/progress/{row.pk}/")) == "already_completed"
    assert browser.user_id is None


def test_a_callback_started_before_a_sign_out_signs_in_no_user(browser):
    """A project's own view keeps the cookie, and the answer to a request in flight brings it back."""
    browser.sign_in(ADA)
    callback = browser.authorize(browser.start(), ADA)
    browser.get("/leave/")
    assert error_code(browser.get(callback)) == "other_browser"
    assert browser.user_id is None
    assert browser.sign_in(ADA)["Location"] == "/profile/", "What is started later is not concerned."


def test_a_callback_replayed_after_another_users_sign_out_signs_in_no_user(browser):
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


@pytest.mark.security("B26", "B29")
def test_signing_in_anew_ends_the_grant_of_the_session_before(browser, settings):
    """A refresh token that no session names any more is not kept."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    browser.sign_in(ADA)
    live = Grant.objects.filter(ended_at__isnull=True)
    assert [str(grant.pk) for grant in live] == [browser.client.session["stateful_oauth"]["grant"]]
    assert Grant.objects.count() == 2


def test_a_callback_replayed_after_another_backends_sign_in_signs_in_no_user(
    browser, django_user_model, client
):
    adas = browser.authorize(browser.start(), ADA)
    browser.get(adas)
    other = django_user_model.objects.create_user("other", password="pw")
    browser.client.force_login(other, backend="django.contrib.auth.backends.ModelBackend")
    browser.get("/leave/")
    assert error_code(browser.get(adas)) == "already_completed"
    assert browser.user_id is None


def delete_account(request):
    request.user.delete()
    django_logout(request)
    return HttpResponse("gone")


urlpatterns.append(path("delete/", delete_account))


def test_deleting_the_account_and_signing_out_works_in_a_projects_own_view(browser):
    browser.sign_in(ADA)
    assert browser.get("/delete/").content == b"gone"
    assert browser.user_id is None


def test_a_sign_out_does_not_hang_on_the_withdrawal(browser, monkeypatch):
    def locked(*args, **kwargs):
        raise OperationalError("database is locked")

    browser.sign_in(ADA)
    monkeypatch.setattr("stateful_oauth.django.sessions.sign_ins.withdraw_sign_ins", locked)
    assert browser.get("/leave/").content == b"bye"
    assert browser.user_id is None


def test_a_sign_in_that_asks_for_no_offline_access_takes_none_away(browser, settings):
    plain = settings.STATEFUL_OAUTH
    settings.STATEFUL_OAUTH = {**plain, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    settings.STATEFUL_OAUTH = plain
    browser.sign_in(ADA)
    grant = Grant.objects.get()
    assert grant.ended_at is None
    assert browser.client.session["stateful_oauth"]["grant"] == str(grant.pk)


def test_a_grant_does_not_go_over_to_whoever_signs_in_next(browser, settings):
    plain = settings.STATEFUL_OAUTH
    settings.STATEFUL_OAUTH = {**plain, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    settings.STATEFUL_OAUTH = plain
    browser.visitor.close_browser()
    browser.sign_in(BOB)
    assert "grant" not in browser.client.session["stateful_oauth"]
    assert Grant.objects.get().ended_at is not None, "The session that it was for is over."


@pytest.mark.django_db(transaction=True)
def test_the_refresh_token_of_a_replaced_grant_is_revoked(browser, settings, tenant):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    browser.sign_in(ADA)
    recover_due()
    assert tenant.requests["/oauth/revoke"] == 1


@pytest.mark.parametrize("engine", ["db", "cache", "cached_db"])
def test_a_refusal_while_signing_in_leaves_nobody_signed_in(browser, settings, engine):
    """A receiver may refuse as well; what `login()` wrote before must not reach the browser."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"

    def refuse(**kwargs):
        raise AccountRefused("account_refused")

    user_logged_in.connect(refuse)
    try:
        assert error_code(browser.sign_in(ADA)) == "account_refused"
    finally:
        user_logged_in.disconnect(refuse)
    assert browser.user_id is None


def test_a_grant_is_not_carried_over_to_another_tenant(browser, settings, tenant):
    """It would be revoked at the wrong provider."""
    one = {**settings.STATEFUL_OAUTH, "SCOPE": "openid email offline_access"}
    keys = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
    site = {name: value for name, value in one.items() if name not in (*keys, "SCOPE")}
    both = {name: one[name] for name in keys}
    settings.STATEFUL_OAUTH = {**site, "TENANTS": {"default": {**both, "SCOPE": one["SCOPE"]}, "other": both}}
    tenant.clients["web"].callbacks.append("https://app.example/auth/other/callback/")
    browser.sign_in(ADA)
    location = browser.get("/auth/other/login/")["Location"]
    browser.get(browser.authorize(location, ADA))
    assert Grant.objects.get().ended_at is not None
    assert "grant" not in browser.client.session["stateful_oauth"]
