"""Reading the package's pages as a browser does: error codes, and forms with the Origin that they send."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.http import HttpResponse

from stateful_oauth.django.conf import conf
from stateful_oauth.testing.browser import Browser

ERROR_PATH = "/auth/error/"


def error_code(response: HttpResponse) -> str:
    """Return the code of the error page that a response redirects to."""
    assert response.status_code == 303, f"{response.status_code}: {response.content.decode()[:500]}"
    path = urlsplit(response["Location"]).path
    assert path.startswith(ERROR_PATH), f"No error page, but {response['Location']}"
    return path.removeprefix(ERROR_PATH).rstrip("/")


def shown(browser: Browser, response: HttpResponse) -> tuple[str, int]:
    """Open the error page that a response redirects to; return its code and HTTP status."""
    code, page = error_code(response), browser.opens(response)
    assert f"<code>{code}</code>" in page.content.decode()
    return code, page.status_code


@dataclass
class Form:
    """The form of a page."""

    action: str
    fields: dict[str, str]
    origin: str
    buttons: list[dict[str, str]]

    @classmethod
    def of(cls, page: HttpResponse) -> Form:
        reader = _Reader()
        reader.feed(page.content.decode())
        assert reader.method == "post", f"No form on the page: {page.content.decode()}"
        # Fetch Standard, "append a request Origin header": no-referrer makes the Origin of a form `null`.
        origin = "null" if page["Referrer-Policy"] == "no-referrer" else conf.base_url
        return cls(reader.action, reader.fields, origin, reader.buttons)

    def submit(self, browser: Browser, button: int = 0) -> HttpResponse:
        """Press a button, by its position."""
        pressed = self.buttons[button]
        fields = {**self.fields, **({pressed["name"]: pressed["value"]} if "name" in pressed else {})}
        return browser.post(pressed.get("formaction", self.action), fields, HTTP_ORIGIN=self.origin)

    def press(self, browser: Browser, value: str) -> HttpResponse:
        """Press the button that sends a value, or sends the form to a URL of its own."""
        found = [each.get("value") or each.get("formaction") for each in self.buttons]
        return self.submit(browser, found.index(value))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.method, self.action = "", ""
        self.fields: dict[str, str] = {}
        self.buttons: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.method, self.action = found["method"], found["action"]
        elif tag == "input":
            self.fields[found["name"]] = found.get("value", "")
        elif tag == "button":
            self.buttons.append(
                {name: found[name] for name in ("name", "value", "formaction") if name in found}
            )
