"""After signing out, the callbacks of before are answered without a session, and without an error of ours."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.django_db(transaction=True)]
GOOGLE = "google-oauth2"


@pytest.fixture
def connected(tenant, browser):
    """The callback by which Xpto connected an account, in a browser that is still signed in."""
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    browser.sign_in(XPTO)
    started = browser.post("/auth/connect/", {"connection": GOOGLE, "next": "/accounts/"})["Location"]
    callback = browser.visitor.connect(started, as_account=QWERTY)
    browser.get(callback)
    return callback


def test_the_callback_of_a_sign_in_that_a_linking_finished(tenant, browser, connected):
    later = Browser(tenant)
    callback = later.authorize(later.start("/profile/"), QWERTY)
    assert later.get(callback)["Location"] == "/profile/"
    binding = {name: morsel.value for name, morsel in later.client.cookies.items() if "stateful" in name}
    later.post("/auth/logout/")
    later.client.cookies.load(binding)  # a browser that kept it, after a sign-out by another view
    assert error_code(later.get(callback)) == "already_completed"
    assert later.user_id is None


def test_the_callback_of_a_connected_account(browser, connected):
    binding = {name: morsel.value for name, morsel in browser.client.cookies.items() if "stateful" in name}
    browser.post("/auth/logout/")
    browser.client.cookies.load(binding)
    assert browser.get(connected)["Location"] == "/accounts/"
    assert browser.user_id is None


def test_what_went_on_can_still_be_found(tenant, browser, connected):
    later = Browser(tenant)
    later.sign_in(QWERTY)
    later.post("/auth/logout/")
    login = FlowTransaction.objects.get(state="link_pending")
    assert FlowTransaction.objects.get(pk=login.result["linking"]).state == "linked"
    assert FlowTransaction.objects.get(state="linked").result == {}
