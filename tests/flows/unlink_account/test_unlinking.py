"""Unlinking gives an account back, and a link that was undone is not made again without asking."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink, ConnectedAccount
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def rows_in_order():
    yield
    check_rows()
    nothing_working()


def unlink(browser, **headers):
    key = AccountLink.objects.get(unlinked_at=None).pk
    return browser.post("/auth/unlink/", {"link": str(key), "next": "/accounts/"}, **headers)


@pytest.fixture
def linked(tenant, browser):
    browser.password = tenant.add_user(email=XPTO, password="a good one")
    browser.google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(browser.google.user_id)
    assert AccountLink.objects.exists()
    return browser


def test_unlinking_gives_the_account_back_and_signs_nobody_out(tenant, linked):
    assert unlink(linked)["Location"] == "/accounts/"
    assert [i.provider for i in tenant.users.get(linked.password.user_id).identities] == ["auth0"]
    assert tenant.users.get(linked.google.user_id).user_metadata is None
    assert AccountLink.objects.get().unlinked_at is not None
    assert linked.get("/profile/").status_code == 200


@pytest.mark.security("L7", "B45")
def test_who_signs_in_with_an_unlinked_account_is_asked_and_not_linked_silently(tenant, linked):
    unlink(linked)
    again = Browser(tenant)
    question = asked(again, again.sign_in(linked.google.user_id))
    assert again.user_id is None
    assert len(tenant.users.get(linked.password.user_id).identities) == 1
    assert question.confirm(linked.password.user_id)["Location"] == "/profile/"
    assert again.user_id == linked.user_id
    assert AccountLink.objects.filter(unlinked_at=None).count() == 1
    assert AccountLink.objects.count() == 2, "The history is kept."


def test_an_undone_link_is_not_made_the_other_way_round_without_asking(tenant, browser):
    """Google was there first and the password joined it; now the password account has connected Google."""
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    password = tenant.add_user(email=XPTO, password="a good one")
    other = Browser(tenant)
    asked(other, other.sign_in(password.user_id)).confirm(google.user_id)
    unlink(other)
    fresh = Browser(tenant)
    asked(fresh, fresh.sign_in(password.user_id)).keep_apart()
    fresh.connect("google-oauth2", google.user_id)

    again = Browser(tenant)
    question = asked(again, again.sign_in(google.user_id))
    assert question.offered == ["0"]
    assert len(tenant.users.get(password.user_id).identities) == 1


def test_an_unlinked_account_gets_its_own_user_back(tenant, browser, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "off"}
    password = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(password.user_id)
    other = Browser(tenant)
    other.sign_in(google.user_id)
    own_user = other.user_id
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "automatic"}

    linking = Browser(tenant)
    linking.sign_in(google.user_id)
    unlink(linking)
    again = Browser(tenant)
    again.sign_in(google.user_id)
    assert again.user_id == own_user
    assert other.user_id is None, "The link ended the sessions of the account that was linked."
    assert len(tenant.users.get(password.user_id).identities) == 1


def test_unlinking_what_is_not_linked_any_more_is_done(tenant, linked):
    tenant.users.unlink(linked.password.user_id, "google-oauth2", linked.google.identities[0].user_id)
    assert unlink(linked)["Location"] == "/accounts/"
    assert AccountLink.objects.get().unlinked_at is not None


@pytest.mark.security("L14")
def test_only_the_owner_of_a_link_unlinks_it(tenant, linked):
    key = AccountLink.objects.get().pk
    tenant.add_user(email="eve@example.com", password="x")
    eve = Browser(tenant)
    eve.sign_in("eve@example.com")
    for value in (str(key), "", "0", "-1", "x", "1" * 30, "\u0661"):
        assert eve.post("/auth/unlink/", {"link": value}).status_code == 404
    assert (
        Browser(tenant)
        .post("/auth/unlink/", {"link": str(key)})["Location"]
        .startswith("/auth/error/sign_in_needed/")
    )
    assert linked.get("/auth/unlink/").status_code == 405
    strict = Browser(tenant, enforce_csrf_checks=True)
    strict.sign_in(linked.google.user_id)
    assert strict.post("/auth/unlink/", {"link": str(key)}).status_code == 403
    assert AccountLink.objects.get().unlinked_at is None


@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "html"])
def test_unlinking_survives_a_lost_answer(tenant, linked, kind):
    tenant.faults.add("/api/v2/users/{id}/identities/*", kind)
    assert unlink(linked)["Location"] == "/accounts/"
    assert tenant.ledger.count("identity_unlinked") == 1
    assert AccountLink.objects.get().unlinked_at is not None


def test_unlinking_twice_shows_that_it_is_done(tenant, linked):
    key = AccountLink.objects.get().pk
    unlink(linked)
    again = linked.post("/auth/unlink/", {"link": str(key), "next": "/accounts/"})
    assert (again.status_code, again["Location"]) == (303, "/accounts/")
    assert tenant.ledger.count("identity_unlinked") == 1


def test_double_click_on_disconnect_is_told_the_outcome(tenant, browser):
    user = tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="7", signed_up=False)
    browser.sign_in(user.user_id)
    browser.connect("google-oauth2", "google-oauth2|7")
    form = {"account": ConnectedAccount.objects.get().remote_id, "next": "/accounts/"}
    for _ in range(2):
        answer = browser.post("/auth/disconnect/", form)
        assert (answer.status_code, answer["Location"]) == (303, "/accounts/")
    eve = Browser(tenant)
    eve.sign_in(tenant.add_user(email="eve@example.com", password="x").user_id)
    assert eve.post("/auth/disconnect/", form).status_code == 404
