"""Connecting, linking and step-up come back in another browser: its page leads on to the same `next`."""

from __future__ import annotations

import pytest

from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.account_attempts import Connecting, Linking
from tests.support.error_pages import Form, shown
from tests.support.rows import check_rows

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.security("S22")]

WANTED = "/accounts/?tab=2"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}


class SteppingUp:
    """A step-up on its way."""

    kind = "step_up"

    def __init__(self, tenant, browser):
        self.user = tenant.add_user(email="xpto@acme.com", password="x")
        browser.sign_in(self.user.user_id)
        self.location = browser.post("/auth/step-up/", {"next": WANTED})["Location"]
        self.callback = browser.authorize(self.location, self.user.user_id)


@pytest.fixture(autouse=True)
def site(tenant, db):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield
    check_rows()


@pytest.fixture(params=[Connecting, Linking, SteppingUp], ids=lambda kind: kind.kind)
def attempt(request, tenant, browser):
    return request.param(tenant, browser)


@pytest.fixture
def phone(tenant):
    return Browser(tenant, enforce_csrf_checks=True)


@pytest.mark.parametrize("headers", [{}, NAVIGATION], ids=["older phone", "phone"])
@pytest.mark.parametrize("is_signed_in", [False, True], ids=["signed out", "signed in"])
def test_page_leads_to_where_the_user_wanted_to_go(attempt, phone, headers, is_signed_in):
    if is_signed_in:
        phone.sign_in(attempt.user.user_id)
    refused = phone.get(attempt.callback, **headers)
    page = phone.opens(refused)
    assert shown(phone, refused)[1] == 403
    assert "another browser" in page.content.decode()
    assert "tab=2" not in refused["Location"] + page.content.decode(), "Nothing of it is shown there."
    location = Form.of(page).submit(phone)["Location"]
    assert phone.get(phone.authorize(location, attempt.user.user_id))["Location"] == WANTED


def test_page_without_a_reference_leads_back_as_before(phone):
    page = phone.get("/auth/error/browser_unknown/?kind=connect_account").content.decode()
    assert 'href="/profile/">Go back' in page
    assert "<form" not in page
