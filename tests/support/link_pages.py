"""The page that asks whether accounts are to be linked, read as a person reads it."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpResponse

from stateful_oauth.django.pages.link_page import connection_title
from stateful_oauth.testing.browser import Browser


@dataclass
class Question:
    """The page; `address` names it."""

    browser: Browser
    address: str
    page: HttpResponse

    @property
    def text(self) -> str:
        """What people read, without markup."""
        body = self.page.content.decode().partition("<main>")[2].partition("</main>")[0]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def offered(self) -> list[str]:
        """The accounts that the forms name."""
        return re.findall(r'name="account" value="([^"]*)"', self.page.content.decode())

    def position_of(self, connection: str) -> str:
        """Return what the form of the account at `connection` names: its position on the page."""
        shown = re.findall(r'<p id="account-\d+"><strong>([^<]*)</strong>', self.page.content.decode())
        return str([html.unescape(each) for each in shown].index(connection_title(connection, "default")))

    def confirm(self, as_user: str, account: str = "") -> HttpResponse:
        """Press the button of an account, and sign in at the tenant as somebody."""
        return self.browser.confirm(self.address, as_user, account)

    def keep_apart(self) -> HttpResponse:
        return self.browser.post(f"{self.address}cancel/")


def asked(browser: Browser, response: HttpResponse) -> Question:
    """Open the page that a response redirects to."""
    assert response.status_code == 303, response.content.decode()[:500]
    address = response["Location"]
    assert urlsplit(address).path.startswith("/auth/link/"), f"Nobody is asked, but sent to {address}"
    page = browser.get(address)
    assert page.status_code == 200, page.content.decode()[:500]
    return Question(browser, address, page)
