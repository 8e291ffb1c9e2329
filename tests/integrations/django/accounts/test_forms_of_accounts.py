"""The forms of connecting, disconnecting and unlinking: where they lead in the end."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink, ConnectedAccount
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def site(tenant):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield


@pytest.mark.security("S9")
@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "\\\\evil.example", "/%09/evil"]
)
@pytest.mark.parametrize("page", ["connect", "disconnect", "unlink"])
def test_a_form_sends_nobody_elsewhere(tenant, browser, page, target):
    """`next` is the visitor's, or an attacker's."""
    password = tenant.add_user(email="xpto@acme.com", password="x")
    tenant.add_user(email="hub@example.com", connection="github", user_id="102", signed_up=False)
    browser.sign_in(password.user_id)
    google = tenant.add_user(email="xpto@acme.com", connection="google-oauth2")
    Browser(tenant).sign_in(google.user_id)
    browser.connect("github", "github|102", next_url=target if page == "connect" else "")
    form = {
        "account": ConnectedAccount.objects.get().remote_id,
        "link": str(AccountLink.objects.get().pk),
        "connection": "github",
        "next": target,
    }
    response = browser.post(f"/auth/{page}/", form)
    if page == "connect":
        response = browser.get(browser.visitor.connect(response["Location"], as_account="github|102"))
    assert response["Location"] in ("/profile/", "/%09/evil")
