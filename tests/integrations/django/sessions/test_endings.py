"""What ends the sessions of a user withdraws everything that could make a new one from before."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth import logout as django_logout
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.django.sessions.endings import end_sessions
from stateful_oauth.storage.models import FlowTransaction, Grant, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.crashes import at, crash_at
from tests.support.error_pages import error_code
from tests.support.rows import check_rows, the_row

pytestmark = [pytest.mark.database, pytest.mark.urls(__name__)]
ADA, BOB = "ada@example.com", "bob@example.com"


def leave(request):
    django_logout(request)
    return HttpResponse("bye")


def profile(request):
    return HttpResponse("profile", status=200 if request.user.is_authenticated else 401)


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("profile/", profile),
    path("leave/", leave),
]


def change_password(user):
    user.set_password("another one")
    user.save()


def make_unusable(user):
    user.set_unusable_password()
    user.save()


def deactivate_for_a_while(user):
    user.is_active = False
    user.save()


ENDINGS = {
    "end_sessions": end_sessions,
    "another password": change_password,
    "the admin makes the password unusable": make_unusable,
    "deactivated": deactivate_for_a_while,
}


def ada():
    return get_user_model().objects.get(auth0_identities__subject__startswith="auth0|")


@pytest.fixture
def finished(browser):
    """A callback that has signed its browser in."""
    callback = browser.authorize(browser.start("/profile/"), ADA)
    browser.get(callback)
    return callback


@pytest.mark.parametrize("has_password", [False, True], ids=["no password here", "a password here"])
@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("page", ["callback", "progress"])
def test_second_delivery_after_an_ending_signs_no_one_in(
    browser, another_browser, clock, page, end, has_password
):
    if has_password:
        another_browser().sign_in(ADA)
        change_password(ada())
        clock.advance(1)
    callback = browser.authorize(browser.start("/profile/"), ADA)
    browser.get(callback)
    row = FlowTransaction.objects.order_by("pk").last()
    address = callback if page == "callback" else f"/auth/progress/{row.pk}/"
    end(ada())
    del browser.client.cookies["sessionid"]
    assert error_code(browser.get(address)) == "already_completed"
    assert browser.user_id is None
    get_user_model().objects.update(is_active=True)
    assert browser.sign_in(ADA)["Location"], "What is started later is not concerned."
    assert browser.user_id is not None


def test_end_sessions_ends_those_that_are_there(browser, finished):
    assert browser.get("/profile/").status_code == 200
    end_sessions(ada())
    assert browser.get("/profile/").status_code == 401


def test_end_sessions_leaves_a_password_of_the_site_alone(browser, finished):
    change_password(ada())
    end_sessions(ada())
    assert ada().check_password("another one")


def test_another_user_is_not_concerned(browser, another_browser, finished):
    other = another_browser()
    callback = other.authorize(other.start("/profile/"), BOB)
    other.get(callback)
    end_sessions(ada())
    del other.client.cookies["sessionid"]
    assert other.get(callback)["Location"] == "/profile/"
    assert other.user_id is not None


def test_second_delivery_from_before_the_address_was_proved(browser, another_browser, tenant):
    """Pre-hijacking: the attacker's callback of a minute ago."""
    planted = tenant.add_user(email="victim@example.com", password="x", email_verified=False)
    callback = browser.authorize(browser.start("/profile/"), planted.user_id)
    browser.get(callback)
    tenant.users.patch(planted.user_id, {"email_verified": True})
    another_browser().sign_in(planted.user_id)
    assert browser.get("/profile/").status_code == 401
    assert error_code(browser.get(callback)) == "already_completed"
    assert browser.user_id is None


class KeepsSessions(Auth0Backend):
    def address_proved(self, request, user):
        """Leave them."""


def test_a_planted_session_of_a_backend_that_keeps_sessions_still_ends(
    browser, another_browser, tenant, settings
):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.KeepsSessions"]
    planted = tenant.add_user(email="victim@example.com", password="x", email_verified=False)
    callback = browser.authorize(browser.start("/profile/"), planted.user_id)
    browser.get(callback)
    tenant.users.patch(planted.user_id, {"email_verified": True})
    another_browser().sign_in(planted.user_id)
    assert browser.get("/profile/").status_code == 200
    del browser.client.cookies["sessionid"]
    assert error_code(browser.get(callback)) == "already_completed"


def test_second_delivery_while_the_sites_key_is_rotated(browser, finished, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the-next-key-of-the-site-0123456789-0123456789"
    del browser.client.cookies["sessionid"]
    assert browser.get(finished)["Location"] == "/profile/"
    assert browser.user_id is not None


# While the code is exchanged.


def test_an_ending_during_the_exchange(browser, another_browser, clock):
    another_browser().sign_in(ADA)
    callback = browser.authorize(browser.start(), ADA)

    def end():
        clock.advance(1)
        end_sessions(ada())

    with at("effect.after", "exchange_code", end):
        assert error_code(browser.get(callback)) == "sign_in_outdated"
    assert browser.user_id is None
    page = browser.get("/auth/error/sign_in_outdated/")
    assert page.status_code == 409
    assert b"/auth/login/" in page.content, "The page offers a new sign-in."
    check_rows()


def test_claims_from_before_the_proof_sign_no_one_in_and_downgrade_nothing(
    browser, another_browser, clock, tenant
):
    planted = tenant.add_user(email="victim@example.com", password="x", email_verified=False)
    another_browser().sign_in(planted.user_id)
    callback = browser.authorize(browser.start(), planted.user_id)

    def prove():
        clock.advance(1)
        tenant.users.patch(planted.user_id, {"email_verified": True})
        another_browser().sign_in(planted.user_id)
        clock.advance(1)

    with at("effect.after", "exchange_code", prove):
        assert error_code(browser.get(callback)) == "sign_in_outdated"
    assert browser.user_id is None
    assert Identity.objects.get(subject=planted.user_id).email_verified


@pytest.mark.parametrize("changes", [{}, {"email": "new@example.com", "email_verified": True}])
def test_two_sign_ins_that_settle_out_of_order_both_work(browser, another_browser, clock, tenant, changes):
    """Also where both bring the proof of an address."""
    user = tenant.add_user(email="old@example.com", password="x", email_verified=True)
    another_browser().sign_in(user.user_id)
    clock.advance(10)
    if changes:
        tenant.users.patch(user.user_id, changes)
    other = another_browser()
    callback = browser.authorize(browser.start("/profile/"), user.user_id)

    def overtake():
        clock.advance(1)
        assert other.sign_in(user.user_id, "/profile/")["Location"] == "/profile/"
        clock.advance(1)

    with at("effect.after", "exchange_code", overtake):
        assert browser.get(callback)["Location"] == "/profile/"
    assert browser.get("/profile/").status_code == 200
    assert other.get("/profile/").status_code == 200
    other.client.cookies.pop("sessionid")


def test_older_claims_do_not_bring_an_address_back(browser, another_browser, clock, tenant):
    user = tenant.add_user(email="old@example.com", password="x", email_verified=True)
    another_browser().sign_in(user.user_id)
    clock.advance(10)
    callback = browser.authorize(browser.start("/profile/"), user.user_id)

    def overtake():
        clock.advance(1)
        tenant.users.patch(user.user_id, {"email": "new@example.com", "email_verified": False})
        another_browser().sign_in(user.user_id)

    with at("effect.after", "exchange_code", overtake):
        browser.get(callback)
    row = Identity.objects.get(subject=user.user_id)
    assert (row.email, row.email_verified) == ("new@example.com", False)


# Signing out while a worker is at it.


@pytest.mark.parametrize("way", ["ours", "Django's"])
def test_signing_out_while_the_code_is_exchanged(browser, way, caplog):
    callback = browser.authorize(browser.start(), ADA)

    def leaves():
        browser.post("/auth/logout/") if way == "ours" else browser.get("/leave/")

    with at("effect.after", "exchange_code", leaves), caplog.at_level(logging.WARNING):
        assert error_code(browser.get(callback)) == "signed_out"
    assert browser.user_id is None
    row = the_row()
    assert (row.state, row.code) == ("failed", "signed_out")
    assert "the user signed out while exchanging_code was in flight" in caplog.text
    assert not Grant.objects.exists()
    check_rows()


@pytest.mark.parametrize("way", ["ours", "Django's"])
def test_progress_page_after_signing_out_signs_no_one_in(browser, clock, way):
    callback = browser.authorize(browser.start(), ADA)
    with crash_at("effect.before", "exchange_code"):
        browser.get(callback)
    cookies = {name: morsel.value for name, morsel in browser.client.cookies.items()}
    browser.post("/auth/logout/") if way == "ours" else browser.get("/leave/")
    browser.client.cookies.load(cookies)
    clock.advance(60)
    assert error_code(browser.get(f"/auth/progress/{the_row().pk}/")) == "transaction_unknown"
    assert browser.user_id is None


# Two accounts of one user.


class OneUser(Auth0Backend):
    """Has everybody be the same user."""

    def make_user(self, identity):
        return get_user_model().objects.first() or super().make_user(identity)


@pytest.fixture
def one_user(settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OneUser"]


def test_a_grant_does_not_go_over_to_another_account_of_the_user(one_user, browser, settings):
    plain = settings.STATEFUL_OAUTH
    settings.STATEFUL_OAUTH = {**plain, "SCOPE": "openid email offline_access"}
    browser.sign_in(ADA)
    settings.STATEFUL_OAUTH = plain
    browser.visitor.close_browser()
    browser.sign_in(BOB)
    assert "grant" not in browser.client.session["stateful_oauth"]
    assert Grant.objects.get().ended_at is not None


def test_an_ending_concerns_every_account_of_the_user(one_user, browser, another_browser, tenant):
    another_browser().sign_in(ADA)
    callback = browser.authorize(browser.start("/profile/"), BOB)
    browser.get(callback)
    end_sessions(get_user_model().objects.get())
    del browser.client.cookies["sessionid"]
    assert error_code(browser.get(callback)) == "already_completed"


def test_a_proof_ends_the_grants_of_every_account_of_the_user(
    one_user, browser, another_browser, tenant, settings
):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "SCOPE": "openid email offline_access"}
    planted = tenant.add_user(email="victim@example.com", password="x", email_verified=False)
    browser.sign_in(planted.user_id)
    another_browser().sign_in(BOB)
    tenant.users.patch(planted.user_id, {"email_verified": True})
    another_browser().sign_in(planted.user_id)
    alive = Grant.objects.filter(ended_at__isnull=True)
    assert [grant.identity.subject for grant in alive] == [planted.user_id], (
        "That of the sign-in that proved it."
    )
    assert Grant.objects.count() == 3


def test_an_account_that_a_user_gets_after_an_ending(one_user, browser, another_browser, clock, tenant):
    """It was exchanged before, and nobody knew then whose it would be."""
    another_browser().sign_in(ADA)
    callback = browser.authorize(browser.start(), BOB)

    def end():
        clock.advance(1)
        end_sessions(get_user_model().objects.get())

    with at("effect.after", "exchange_code", end):
        assert error_code(browser.get(callback)) == "sign_in_outdated"
    assert browser.user_id is None
    assert not Identity.objects.filter(email=BOB).exists()


def test_a_browser_of_before_is_still_welcome(tenant, browser, finished):
    end_sessions(ada())
    fresh = Browser(tenant)
    assert fresh.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert fresh.get("/profile/").status_code == 200
