"""Signing out everywhere: in every browser of the user, with all grants."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.django import sign_out, sign_out_everywhere
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import Grant, Session
from stateful_oauth.testing.browser import Browser

pytestmark = [pytest.mark.database, pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]

ADA, BOB = "ada@example.com", "bob@example.com"
HOME = "https://app.example/"


def profile(request):
    return HttpResponse("profile", status=200 if request.user.is_authenticated else 401)


def leave_here_only(request):
    return sign_out(request, provider=False)


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("profile/", profile),
    path("leave/", leave_here_only),
]


@pytest.fixture(params=["db", "cached_db", "cache"])
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return request.param


@pytest.fixture
def two(browser, another_browser, configure):
    """Two browsers of one user with a grant each, and one of another user."""
    configure(SCOPE="openid profile email offline_access")
    other, bob = another_browser(), another_browser()
    other.sign_in(ADA)
    bob.sign_in(BOB)
    browser.sign_in(ADA)
    return browser, other, bob


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/profile/").status_code == 200


def user_of(browser: Browser):
    return get_user_model().objects.get(pk=browser.user_id)


def living_grants():
    return {str(user) for user in Grant.objects.filter(ended_at=None).values_list("user_id", flat=True)}


def test_every_session_and_grant_of_the_user_ends_and_no_other_one(engine, two, tenant):
    browser, _, bob = two
    assert sign_out_everywhere(user_of(browser)) == 2
    assert [is_signed_in(each) for each in two] == [False, False, True]
    assert living_grants() == {bob.user_id}
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 2


def test_sessions_of_a_user_with_a_password_end_as_well(engine, two):
    browser, other, _ = two
    user = user_of(browser)
    user.set_password("correct horse battery staple")
    user.save()
    other.sign_in(ADA)
    sign_out_everywhere(user)
    assert not is_signed_in(other)
    assert user_of_password_stays(user)


def user_of_password_stays(user):
    return get_user_model().objects.get(pk=user.pk).check_password("correct horse battery staple")


def test_a_form_signs_out_everywhere_and_then_at_the_provider(engine, two):
    browser, _, _ = two
    response = browser.post("/auth/logout/", {"everywhere": "1"})
    assert response["Location"].startswith("https://tenant.example/oidc/logout")
    assert [is_signed_in(each) for each in two] == [False, False, True]


def test_a_form_without_it_leaves_other_browsers_signed_in(two):
    browser, _, _ = two
    browser.post("/auth/logout/", {"everywhere": "0"})
    assert [is_signed_in(each) for each in two] == [False, True, True]


def test_a_sign_out_here_only_does_not_go_to_the_provider(two, tenant):
    browser, _, _ = two
    response = browser.post("/leave/")
    assert response["Location"] == HOME
    assert not is_signed_in(browser)
    assert tenant.ledger.count("session_ended") == 0


def test_a_callback_of_before_signs_in_no_more(two):
    browser, other, _ = two
    url = other.authorize(other.start(), ADA)
    other.get(url)
    sign_out_everywhere(user_of(browser))
    other.get(url)
    assert not is_signed_in(other)


@pytest.mark.parametrize("fields", [None, ["is_active"]])
def test_a_user_who_is_deactivated_loses_sessions_and_grants(engine, two, fields):
    browser, _, bob = two
    user = user_of(browser)
    user.is_active = False
    user.save(update_fields=fields)
    assert [row.user_id for row in Session.objects.all()] == [int(bob.user_id)]
    assert living_grants() == {bob.user_id}
    user.is_active = True
    user.save()
    assert [is_signed_in(each) for each in two] == [False, False, True]


def test_saving_an_active_user_ends_nothing(two, django_assert_num_queries):
    user = user_of(two[0])
    with django_assert_num_queries(1):
        user.save()
    assert [is_signed_in(each) for each in two] == [True, True, True]


def test_a_user_who_is_deleted_leaves_no_session_behind(engine, two, tenant):
    browser, _, _ = two
    keys = [each.client.session.session_key for each in two]
    user_of(browser).delete()
    store = browser.client.session
    assert [store.exists(key) for key in keys] == [False, False, True]
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 2


@pytest.mark.urls("tests.support.testsite.urls")
@pytest.mark.parametrize("may", [True, False])
def test_an_operator_who_may_change_users_signs_them_out_in_the_admin(two, client, may):
    browser, _, _ = two
    codes = ["view_user", "change_user"] if may else ["view_user"]
    operator = get_user_model().objects.create_user("operator", is_staff=True)
    operator.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client.force_login(operator)
    form = {"action": "sign_out_users", "_selected_action": [browser.user_id]}
    client.post("/admin/auth/user/", form, headers={"host": "app.example"}, secure=True)
    assert Session.objects.count() == (1 if may else 3)
