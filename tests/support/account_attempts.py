"""Attempts to connect and to link, on their way: what a callback is delivered to."""

from __future__ import annotations

from stateful_oauth.storage.models import AccountLink, ConnectedAccount
from stateful_oauth.testing.browser import Browser
from tests.support.link_pages import asked

GOOGLE = "google-oauth2|100"


class Connecting:
    """A connection on its way; `callback` is where the provider sends the browser."""

    kind, code, address, done = "connect_account", "connect_code", "/auth/connect/callback/", "connected"
    effect, completed = "complete_connection", "connect_completed"

    def __init__(self, tenant, browser):
        self.tenant, self.browser = tenant, browser
        self.user = tenant.add_user(email="xpto@acme.com", password="x")
        tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="100", signed_up=False)
        browser.sign_in(self.user.user_id)
        form = {"connection": "google-oauth2", "next": "/accounts/?tab=2"}
        self.location = browser.post("/auth/connect/", form)["Location"]
        self.callback = browser.visitor.connect(self.location, as_account=GOOGLE)

    def happened(self):
        assert ConnectedAccount.objects.count() == self.tenant.ledger.count(self.completed)
        return ConnectedAccount.objects.count()


class Linking:
    """The proof of a link on its way."""

    kind, code, address, done = "account_linking", "code", "/auth/link/callback/", "linked"
    effect, completed = "verify_primary", "identity_linked"

    def __init__(self, tenant, browser):
        self.tenant, self.browser = tenant, browser
        self.user = tenant.add_user(email="xpto@acme.com", connection="google-oauth2")
        Browser(tenant).sign_in(self.user.user_id)
        self.newcomer = tenant.add_user(email="xpto@acme.com", password="x")
        self.page = asked(browser, browser.sign_in(self.newcomer.user_id, next_url="/accounts/?tab=2"))
        self.location = browser.post(f"{self.page.address}confirm/")["Location"]
        self.callback = browser.authorize(self.location, self.user.user_id)

    def happened(self):
        assert AccountLink.objects.count() == self.tenant.ledger.count(self.completed)
        return AccountLink.objects.count()
