"""A person's browser: the site through Django's test client, the provider through the emulator's visitor."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.test import Client
from django.urls import reverse

from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from stateful_oauth.emulator import Callback, Tenant

_FIELDS: Final = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_SHOWN: Final = 2000  # characters of a page in the message of a failing test


class Browser:
    """One cookie jar for the site and one for the tenant; each URL that the test keeps is a tab."""

    def __init__(self, tenant: Tenant, **client: Any) -> None:
        self._tenant = tenant
        self.visitor = tenant.visitor()
        self.client = Client(raise_request_exception=client.pop("raise_request_exception", True), **client)

    def get(self, url: str, **headers: str) -> HttpResponse:
        """Open a page of the site."""
        return self._ask("get", url, headers)

    def head(self, url: str, **headers: str) -> HttpResponse:
        """Ask for the headers of a page only."""
        return self._ask("head", url, headers)

    def post(self, url: str, data: dict[str, str] | None = None, **headers: str) -> HttpResponse:
        """Send a form to the site."""
        return self._ask("post", url, headers, data or {})

    def start(self, next_url: str = "", **headers: str) -> str:
        """Start a sign-in in a new tab.

        Returns:
            The authorization URL that the site sends the browser to.

        Raises:
            AssertionError: The site shows a page instead, for example because the host of `BASE_URL` is not
                in `ALLOWED_HOSTS`.
        """
        query = "?" + urlencode({"next": next_url}) if next_url else ""
        return _location(self.get(reverse("stateful_oauth:login") + query, **headers))

    def authorize(self, location: str, as_user: str) -> Callback:
        """Sign in at the tenant.

        Returns:
            The callback's URL, not yet opened; `fields` has its parameters.
        """
        return self.visitor.authorize(location, as_user=as_user)

    def sign_in(self, as_user: str, next_url: str = "") -> HttpResponse:
        """Start, sign in at the tenant, and come back; return the callback's response."""
        return self.arrive(self.authorize(self.start(next_url), as_user))

    def arrive(self, callback: Callback, **headers: str) -> HttpResponse:
        """Open a callback: its URL, or, with `RESPONSE_MODE = "form_post"`, the form and then the site's own.

        The provider's form brings no cookie, as from another site.
        """
        if callback.method == "GET":
            return self.get(callback, **headers)
        page = Browser(self._tenant).post_form(callback, callback.fields, **headers)
        if page.status_code != 200:
            return page
        form = _FIELDS.findall(page.content.decode())
        return self.post_form(callback, {unescape(name): unescape(value) for name, value in form}, **headers)

    def post_form(self, url: str, fields: Mapping[str, Any], **headers: str) -> HttpResponse:
        """Send a form in the encoding that browsers use (application/x-www-form-urlencoded)."""
        kind = {"content_type": "application/x-www-form-urlencoded"}
        return self._ask("post", url, {**headers, **kind}, urlencode(fields, doseq=True))

    def connect(self, connection: str, as_account: str, next_url: str = "") -> HttpResponse:
        """Start to connect an account, choose it at its provider, and come back; return the last response.

        Args:
            as_account: Email or user id of an account at the provider.
        """
        started = self.post(reverse("stateful_oauth:connect"), {"connection": connection, "next": next_url})
        location = _location(started)
        if not location.startswith(self._tenant.issuer):
            return started
        return self.get(self.visitor.connect(location, as_account=as_account))

    def confirm(self, page: str, as_user: str, account: str = "") -> HttpResponse:
        """Confirm on the page that asks whether accounts are to be linked, by signing in at the tenant.

        Args:
            page: The page's URL.
            as_user: The user to sign in as.
            account: The candidate's position on the page, from `"0"`, where there are several.
        """
        location = _location(self.post(f"{page}confirm/", {"account": account}))
        return self.get(self.authorize(location, as_user))

    def opens(self, response: HttpResponse) -> HttpResponse:
        """Follow a redirect within the site."""
        return self.get(_location(response))

    @property
    def user_id(self) -> str | None:
        """The user who is signed in at the site, as text, or None."""
        user: str | None = self.client.session.get("_auth_user_id")
        return user

    def _ask(self, method: str, url: str, headers: dict[str, str], *data: Any) -> HttpResponse:
        parts = urlsplit(url)
        path = parts._replace(scheme="", netloc="", fragment="").geturl()
        site = urlsplit(conf.base_url)
        extra = {"HTTP_HOST": site.netloc, **headers}
        mounted = (settings.FORCE_SCRIPT_NAME or headers.get("SCRIPT_NAME", "")).rstrip("/")
        if mounted and path.startswith(f"{mounted}/"):
            path = path.removeprefix(mounted)  # as a server does for an application that is mounted there
        response: HttpResponse = getattr(self.client, method)(
            path, *data, secure=site.scheme == "https", **extra
        )
        return response


def _location(response: HttpResponse) -> str:
    """Return where a response redirects to."""
    if "Location" not in response:
        hint = f" Is the host of BASE_URL, {urlsplit(conf.base_url).hostname}, in ALLOWED_HOSTS?"
        body = response.content.decode(errors="replace").strip()[:_SHOWN] or "(empty)"
        raise AssertionError(
            f"The site answered {response.status_code}, and does not redirect."
            + (hint if response.status_code == 400 else "")
            + f"\n{body}"
        )
    location: str = response["Location"]
    return location
