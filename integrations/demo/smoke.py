"""A visitor who tries everything once over HTTP, and says how it went: `--smoke`."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urljoin, urlsplit

import requests

from stateful_oauth.demo.people import ADA, XENIA, XENIA_AT_HOME, Person

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 30  # seconds


class Unexpected(Exception):
    """A page is not what it should be; the message is for people."""


class Form(dict[str, str]):
    """A form of a page: its fields, and where they go."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action


class _Forms(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(urljoin(self._base, given.get("action", ""))))
        elif tag in {"input", "button"} and self.found and "name" in given:
            self.found[-1].setdefault(given["name"], given.get("value", ""))


class Page:
    """A page that a visitor sees."""

    def __init__(self, answer: requests.Response) -> None:
        self.status, self.url, self.text = answer.status_code, answer.url, answer.text
        self.headers = answer.headers

    @property
    def path(self) -> str:
        """Where it is."""
        return urlsplit(self.url).path

    def form(self, **fields: str) -> Form:
        """Return the form that has these values.

        Raises:
            Unexpected: There is none.
        """
        parser = _Forms(self.url)
        parser.feed(self.text)
        for form in parser.found:
            if all(form.get(name) == value for name, value in fields.items()):
                return form
        raise Unexpected(f"{self.path} has no form with {fields or 'anything'}")

    def form_to(self, path: str) -> Form:
        """Return the form that goes to `path`.

        Raises:
            Unexpected: There is none.
        """
        parser = _Forms(self.url)
        parser.feed(self.text)
        for form in parser.found:
            if urlsplit(form.action).path == path:
                return form
        raise Unexpected(f"{self.path} has no form to {path}")

    def at(self, path: str) -> Page:
        """Return the page, if that is where it is.

        Raises:
            Unexpected: It is elsewhere.
        """
        if self.path != path:
            raise Unexpected(f"{path} was expected, and {self.path} (HTTP {self.status}) came")
        return self

    def shows(self, text: str) -> Page:
        """Return the page, if the text is on it.

        Raises:
            Unexpected: It is not.
        """
        if text not in self.text:
            raise Unexpected(f"{self.path} (HTTP {self.status}) does not show “{text}”")
        return self


class HttpVisitor:
    """A person with a browser that reads forms and keeps cookies, and runs no scripts."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._http = requests.Session()
        self._http.trust_env = False
        # What a browser says of a page that it shows to its user (Fetch Metadata).
        self._http.headers.update({"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})

    def __enter__(self) -> HttpVisitor:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open(self, path: str) -> Page:
        """Open a URL of the site."""
        return Page(self._http.get(urljoin(self._site, path), timeout=_PATIENCE))

    def submit(self, form: Form, **fields: str) -> Page:
        """Send a form."""
        return Page(self._http.post(form.action, {**form, **fields}, timeout=_PATIENCE))

    def sign_in(self, person: Person = ADA) -> Page:
        """Sign in with a password on the provider's page; return the page that follows."""
        sign_in = self.submit(self.open("/").form_to("/auth/login/"))
        return self.submit(sign_in.form(action="password"), username=person.email, password=person.password)

    def sign_in_by_clicking(self, person: Person) -> Page:
        """Sign in by a click on a name on the provider's page; return the page that follows."""
        sign_in = self.submit(self.open("/").form_to("/auth/login/"))
        return self.submit(sign_in.form(account=person.sub))

    def sign_out(self) -> Page:
        """Sign out; return the page that follows."""
        return self.submit(self.open("/").form_to("/auth/logout/"))

    def connect(self, account: Person) -> Page:
        """Connect an account on the accounts page; return the page that follows."""
        form = self.open("/accounts/").form(connection=account.connection)
        return self.submit(self.submit(form).form(account=account.sub))

    def what_if(self, slug: str, **fields: str) -> Page:
        """Press a button of the "what if" menu, or of an entry's page; return the page that follows."""
        page = self.open(f"/what-if/{slug}/" if "step" in fields else "/what-if/")
        return self.submit(page.form_to(f"/what-if/{slug}/"), **fields)


def visit_everything(site: str, out: TextIO) -> int:
    """Visit every page of the demo once.

    Returns:
        The exit code: 0, or 1 when something is not as it should be; `out` says what.
    """
    with HttpVisitor(site) as visitor:
        steps: tuple[tuple[str, Callable[[], Page]], ...] = (
            ("the first page", lambda: visitor.open("/").shows("Sign in")),
            ("sign in at the emulator", lambda: visitor.sign_in().at("/profile/").shows(ADA.email)),
            ("the profile", lambda: visitor.open("/profile/").at("/profile/").shows(ADA.sub)),
            ("the timeline", lambda: visitor.open("/timeline/").shows("signed in")),
            ("one attempt and its diagram", lambda: visitor.open(_first_attempt(visitor)).shows("<svg")),
            ("sign out", lambda: visitor.sign_out().shows("Sign in")),
            ("sign in as another user", lambda: visitor.sign_in(XENIA).shows(XENIA.sub)),
            ("connect a Google account", lambda: visitor.connect(XENIA_AT_HOME).shows(XENIA_AT_HOME.email)),
            ("sign out again", lambda: visitor.sign_out().shows("Sign in")),
            (
                "sign in with that account: linked",
                lambda: visitor.sign_in_by_clicking(XENIA_AT_HOME).at("/profile/").shows(XENIA.sub),
            ),
            ("the accounts", lambda: visitor.open("/accounts/").shows("you had connected it")),
            ("unlink", lambda: _press(visitor, "/auth/unlink/").at("/accounts/").shows("None. Sign out")),
            ("sign in again for a refresh token", lambda: _anew(visitor, XENIA).shows(XENIA.sub)),
            ("disconnect", lambda: _press(visitor, "/auth/disconnect/").shows("None yet")),
            ("sign out once more", lambda: visitor.sign_out().shows("Sign in")),
            ("the “what if” menu", lambda: visitor.open("/what-if/").shows("Come back twice")),
            ("what if: come back twice", lambda: visitor.what_if("twice").shows("signed in")),
            ("… and again", lambda: visitor.what_if("twice", step="again").shows("refused")),
            ("what if: decline", lambda: visitor.what_if("decline").shows("access_denied")),
        )
        for name, step in steps:
            try:
                page = step()
            except (Unexpected, requests.RequestException) as error:
                out.write(f"FAILED  {name}: {error}\n")
                return 1
            out.write(f"ok      {name} ({page.status} {page.path})\n")
            out.flush()
    return 0


def _press(visitor: HttpVisitor, action: str) -> Page:
    return visitor.submit(visitor.open("/accounts/").form_to(action))


def _anew(visitor: HttpVisitor, person: Person) -> Page:
    visitor.sign_out()
    return visitor.sign_in(person)


def _first_attempt(visitor: HttpVisitor) -> str:
    _, found, rest = visitor.open("/timeline/").text.partition('href="/timeline/')
    while found and rest.startswith('"'):
        _, found, rest = rest.partition('href="/timeline/')
    if not found:
        raise Unexpected("/timeline/ lists no attempt")
    return "/timeline/" + rest.partition('"')[0]
