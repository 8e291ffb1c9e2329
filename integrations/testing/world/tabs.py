"""Tabs of browsers: the URL at which each of them stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from django.urls import Resolver404, resolve

from stateful_oauth.flows.engine.identifiers import transaction_id_of

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

    from stateful_oauth.emulator import Callback


@dataclass(eq=False)
class Tab:
    """One tab.

    Attributes:
        number: Counted from 1, over all browsers.
        browser: Whose tab it is: the number of the browser, from 0.
        flow: What was started in it.
        at_provider: The provider's URL that the site has sent it to, or an empty string.
        declined: Whether the user declined there.
        callback: Where the provider has sent it back to, opened or not, or None.
        page: A page of the site that it shows or would be sent to, or an empty string.
        linking: The account linking that it was asked about, or None.
        rows: The transactions that were started in it.
    """

    number: int
    browser: int
    flow: str
    at_provider: str = ""
    declined: bool = False
    callback: Callback | None = None
    page: str = ""
    linking: uuid.UUID | None = None
    rows: list[uuid.UUID] = field(default_factory=list)

    def __str__(self) -> str:
        return f"tab {self.number}"

    def arrives(self, response: HttpResponse | None, issuer: str) -> str:
        """Go where a response leads; return what a person sees."""
        if response is None:
            return "no answer comes"
        location = response.headers.get("Location", "")
        if response.status_code == 204:
            return "nothing: it was only a guess"
        if not location:
            return f"a page ({response.status_code})"
        if location.startswith(issuer):
            self.at_provider, self.page, self.declined = location, "", False
            return "the way to the provider"
        self.page = location
        self.linking = linking_page(location) or self.linking
        return urlsplit(location).path


def fields_of(url: str) -> list[tuple[str, str]]:
    """Return the parameters of a URL, in order."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def addressed_row(url: str) -> uuid.UUID | None:
    """Return the transaction that a callback's `state` names, or None."""
    state = dict(fields_of(url)).get("state", "")
    return transaction_id_of(state)


def linking_page(url: str) -> uuid.UUID | None:
    """Return the account linking that a page of the site asks about, or None."""
    try:
        found = resolve(urlsplit(url).path)
    except Resolver404:
        return None
    shown: uuid.UUID | None = found.kwargs.get("transaction_id")
    return shown if found.url_name == "link" else None
