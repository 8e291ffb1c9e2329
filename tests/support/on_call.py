"""Somebody on call, at the admin."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import Client

REASON = "the customer called"
STUCK, ALL = "/admin/stateful_oauth/stucktransaction/", "/admin/stateful_oauth/flowtransaction/"


class OnCall:
    """Somebody at the admin, with the browser that they sit at."""

    def __init__(self, user: Any, **client: Any) -> None:
        self.user = user
        self.client = Client(**client)
        self.client.force_login(user)

    def get(self, path: str, data: dict[str, Any] | None = None) -> Any:
        return self.client.get(path, data or {}, secure=True, HTTP_HOST="app.example")

    def post(self, path: str, data: dict[str, Any], **extra: Any) -> Any:
        return self.client.post(path, data, secure=True, HTTP_HOST="app.example", **extra)

    def page(self, path: str, data: dict[str, Any] | None = None) -> str:
        """Open a page that has to be there."""
        response = self.get(path, data)
        assert response.status_code == 200, (
            f"{path}: {response.status_code} {response.content.decode()[:500]}"
        )
        text: str = response.content.decode()
        return text

    def operate(self, name: str, *rows: Any, reason: str = REASON, at: str = STUCK) -> str:
        """Confirm an operation on the rows as they were read; return the page that follows, with messages."""
        chosen = [f"{row.pk}:{row.version}" for row in rows]
        response = self.post(f"{at}operate/{name}/", {"transaction": chosen, "reason": reason})
        assert response.status_code == 302, response.content.decode()
        return self.page(response["Location"])


def told(page: str) -> list[tuple[str, str]]:
    """Return the messages of a page: level and text."""
    found = re.findall(r'<li class="(success|warning|error)">(.*?)</li>', page, re.DOTALL)
    return [(level, html.unescape(text)) for level, text in found]


def only(page: str) -> tuple[str, str]:
    messages = told(page)
    assert len(messages) == 1, messages
    return messages[0]
