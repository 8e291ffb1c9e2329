"""A person with a browser at the tenant, for tests: no HTML is read."""

from __future__ import annotations

from html import unescape
from re import findall, search, sub
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from stateful_oauth.emulator.wire import environ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.routes.app import Application
    from stateful_oauth.emulator.state import TenantState

_SHOWN = 300  # characters of a page that an exception quotes


class Callback(str):
    """Where the browser is sent: a URL, with ``method`` and ``fields`` (of the query, or of the form)."""

    __slots__ = ("fields", "method")

    method: str
    fields: dict[str, str]

    def __new__(cls, url: str, fields: Mapping[str, str] | None = None) -> Callback:
        """``fields`` are those of a form_post; without, they are read from the query."""
        made = super().__new__(cls, url)
        made.method = "GET" if fields is None else "POST"
        made.fields = dict(
            parse_qsl(urlsplit(url).query, keep_blank_values=True) if fields is None else fields
        )
        return made


class PageShown(Exception):
    """The visitor ended on a page of the tenant and not on a redirect; ``answer`` is that page."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what} (HTTP {answer.status}): {_text_of(answer)}")
        self.answer = answer


class Visitor:
    """One browser: it keeps the SSO cookie, so that a second authorize is silent."""

    def __init__(self, tenant: TenantState, application: Application) -> None:
        self._tenant, self._application = tenant, application
        self.cookies: dict[str, str] = {}

    def authorize(
        self,
        location: str,
        as_user: str | User | None = None,
        *,
        connection: str | None = None,
        consent: bool = True,
    ) -> Callback:
        """Go to an authorization URL, sign in if asked, and return the redirect back.

        ``as_user`` is an email, a user id (also that of a linked secondary: it names the identity to sign in
        with) or a ``User``; ``connection`` chooses among accounts with one email. Without
        ``as_user`` only a silent answer will do: a page raises ``PageShown``.
        """
        answer = self.request("GET", location)
        if self._at(answer, "/u/login"):
            if as_user is None:
                raise PageShown("The sign-in page is shown, and no user was named to sign in", answer)
            answer = self._sign_in(answer, as_user, connection)
        if self._at(answer, "/u/consent"):
            answer = self._submit(answer, {"action": "accept" if consent else "decline"})
        return self._callback(answer)

    def decline(self, location: str) -> Callback:
        """Go to an authorization URL or connect URI and decline: back with ``access_denied``."""
        answer = self.request("GET", location)
        if not self._at(answer, "/u/"):
            raise PageShown("There is nothing to decline", answer)
        return self._callback(self._submit(answer, {"action": "decline"}))

    def connect(self, location: str, as_account: str, scopes: Sequence[str] | None = None) -> Callback:
        """Go to a ``connect_uri`` with its ticket, choose an account, and return the redirect back.

        ``as_account`` is the email or user id (``google-oauth2|123``) of an account at the
        provider; ``scopes`` are those that the person agrees to, None for all. See ``decline`` too.
        """
        answer = self.request("GET", location)
        if not self._at(answer, "/u/connect"):
            return self._callback(answer)
        form = {"action": "account", "account": as_account}
        if scopes is not None:
            form["scope"] = " ".join(scopes)
        answer = self._submit(answer, form)
        if answer.status == 400:
            raise LookupError(f"There is no account {as_account!r} at the connection.")
        return self._callback(answer)

    def logout(self, location: str, *, confirm: bool = True) -> Callback | None:
        """Go to a logout URL, confirm if asked; return where it leads, or None when it says "OK"."""
        answer = self.request("GET", location)
        tickets = (
            findall(r'name="ticket" value="([^"]+)"', answer.body.decode()) if answer.status == 200 else []
        )
        if tickets and confirm:
            answer = self.request("POST", "/oidc/logout/confirm", {"ticket": unescape(tickets[0])})
        if answer.status == 200 and not tickets:
            return None
        return self._callback(answer) if answer.status != 200 or answer.body != b"OK" else None

    def request(self, method: str, location: str, form: Mapping[str, str] | None = None) -> Answer:
        """Make one request with this browser's cookies; redirects are not followed."""
        url = urljoin(self._tenant.issuer, location)
        headers = [("Accept", "text/html")]
        if self.cookies:
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items())))
        body = b""
        if form is not None:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
            body = urlencode(form).encode()
        answer = self._application.exchange(environ(method, url, headers, body))
        for name, value in answer.headers:
            if name == "Set-Cookie":
                self._keep(value)
        return answer

    def close_browser(self) -> None:
        """Lose every cookie."""
        self.cookies.clear()

    def _keep(self, header: str) -> None:
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def _sign_in(self, answer: Answer, as_user: str | User, connection: str | None) -> Answer:
        who = as_user if isinstance(as_user, str) else as_user.user_id
        account = self._tenant.people.find_account(who, connection)
        if account is None:
            raise LookupError(f"This tenant has no account {who!r} (connection: {connection or 'any'}).")
        return self._submit(
            answer, {"action": "account", "account": account.user_id, "connection": account.connection.name}
        )

    def _submit(self, answer: Answer, form: Mapping[str, str]) -> Answer:
        page = urlsplit(answer.header("Location") or "")
        return self.request("POST", page.path, {**dict(parse_qsl(page.query)), **form})

    def _callback(self, answer: Answer) -> Callback:
        location = answer.header("Location")
        if answer.status in {302, 303} and location is not None and not self._at(answer, "/u/"):
            return Callback(location)
        html = answer.body.decode("utf-8", "replace")
        action = findall(r'<form method="post" action="(https?://[^"]+)"', html)
        if answer.status == 200 and action:
            fields = findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', html)
            return Callback(unescape(action[0]), {unescape(name): unescape(value) for name, value in fields})
        raise PageShown("A page is shown instead of a redirect", answer)

    def _at(self, answer: Answer, path: str) -> bool:
        return answer.status == 302 and (answer.header("Location") or "").startswith(
            self._tenant.base_url + path
        )


def _text_of(answer: Answer) -> str:
    """Return what a page says, without its markup, in one line."""
    html = answer.body.decode("utf-8", "replace")
    main = search(r"(?s)<main.*</main>", html)
    text = sub(r"(?s)<[^>]*>", " ", main.group() if main else html)
    return " ".join(unescape(text).split())[:_SHOWN]
