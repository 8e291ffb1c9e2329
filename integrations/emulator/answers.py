"""Answers as they stand on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Return it with more headers."""
        return replace(self, headers=[*self.headers, *headers])

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.body)


def json_answer(data: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Return a JSON answer that is not to be stored (RFC 6749 §5.1)."""
    return Answer(
        status,
        [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"), *headers],
        json.dumps(data, separators=(",", ":")).encode(),
    )


def text_answer(text: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Return a plain text answer."""
    return Answer(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], text.encode())


def redirect(location: str, status: int = 302) -> Answer:
    """Return a redirect answer."""
    return Answer(status, [("Location", location), ("Cache-Control", "no-store")])


def with_query(url: str, params: Mapping[str, str | None]) -> str:
    """Return the URL with parameters added to its query (RFC 6749 §4.1.2); None is left out."""
    parts = urlsplit(url)
    added = urlencode({name: value for name, value in params.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def cookie(name: str, value: str, *, secure: bool, max_age: int | None = None) -> tuple[str, str]:
    """Return a Set-Cookie header; ``SameSite=None`` where allowed, as at Auth0, so that form_post works."""
    site = "SameSite=None; Secure" if secure else "SameSite=Lax"
    age = "" if max_age is None else f"; Max-Age={max_age}"
    return "Set-Cookie", f"{name}={value}; Path=/; HttpOnly; {site}{age}"
