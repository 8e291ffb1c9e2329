"""Whoever signed out and comes back by the back button gets a page, and no session."""

from __future__ import annotations

import pytest
from django.contrib.auth import logout as django_logout
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.storage.models import FlowTransaction
from tests.support.accounts_site import QWERTY, VICTIM, XPTO
from tests.support.error_pages import error_code

pytestmark = [
    pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)
]  # fmt: skip


def leave(request):
    """A sign-out of the project's own, which leaves the browser its binding cookie."""
    django_logout(request)
    return HttpResponse("bye")


urlpatterns = [path("auth/", include("stateful_oauth.django.urls")), path("leave/", leave)]


def test_to_the_callback_of_an_account_that_was_connected(tenant, browser):
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection="google-oauth2", signed_up=False)
    browser.sign_in(XPTO)
    started = browser.post("/auth/connect/", {"connection": "google-oauth2"})
    callback = browser.visitor.connect(started["Location"], as_account=QWERTY)
    browser.get(callback)
    browser.get("/leave/")
    again = browser.get(callback)
    assert again.status_code == 303, again.content.decode()
    assert browser.user_id is None


@pytest.mark.parametrize("asks", [False, True], ids=["linked without asking", "the user was asked"])
def test_to_the_callback_of_a_sign_in_that_was_linked(tenant, browser, asks):
    password = tenant.add_user(email=VICTIM, password="a good one")
    social = tenant.add_user(email=VICTIM, connection="google-oauth2")
    first, newcomer = (social, password) if asks else (password, social)
    callback = browser.authorize(browser.start(), newcomer.user_id)
    arrived = browser.get(callback)
    if asks:
        proof = browser.post(f"{arrived['Location']}confirm/")["Location"]
        link_callback = browser.authorize(proof, first.user_id)
        browser.get(link_callback)
    assert browser.user_id is not None
    browser.get("/leave/")
    for address in [callback, link_callback] if asks else [callback]:
        again = browser.get(address)
        assert error_code(again) == "already_completed"
        assert browser.user_id is None
    linking = FlowTransaction.objects.get(kind="account_linking")
    assert error_code(browser.get(f"/auth/progress/{linking.pk}/")) == "already_completed"
    assert browser.user_id is None


def test_to_the_page_of_a_linking_that_was_never_answered(tenant, browser):
    """A sign-in that waits for an answer has signed nobody in, and may still be finished."""
    tenant.add_user(email=VICTIM, connection="google-oauth2")
    newcomer = tenant.add_user(email=VICTIM, password="a good one")
    callback = browser.authorize(browser.start(), newcomer.user_id)
    page = browser.get(callback)["Location"]
    browser.visitor.close_browser()
    browser.visitor = tenant.visitor()
    tenant.faults.add("/api/v2/users-by-email", "server_error")  # this one is not what is tested
    browser.sign_in("ada@example.com")
    browser.get("/leave/")
    assert browser.get(callback)["Location"] == page
    assert browser.user_id is None
