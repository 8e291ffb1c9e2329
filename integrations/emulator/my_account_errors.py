"""The error bodies of the My Account API: problem details (RFC 9457), as ``application/json``.

The known codes (docs/auth0-contract.md §7.6) are A0E-400-0003, A0E-401-0003, A0E-404-0001,
A0E-409-0001 and A0E-429-0003; those of 403, 415 and 5xx are guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import json_answer
from stateful_oauth.emulator.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.emulator.answers import Answer

_KNOWN: dict[int, tuple[str, str]] = {
    400: ("A0E-400-0003", "Bad Request"),
    401: ("A0E-401-0003", "Unauthorized"),
    403: ("A0E-403-0001", "Forbidden"),
    404: ("A0E-404-0001", "Not Found"),
    409: ("A0E-409-0001", "Conflict"),
    415: ("A0E-415-0001", "Unsupported Media Type"),
    429: ("A0E-429-0003", "Too Many Requests"),
}


def problem_answer(
    status: int,
    detail: str,
    validation_errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return a problem body."""
    code, title = _KNOWN.get(status, (f"A0E-{status}-0001", "Internal Server Error"))
    body: dict[str, Any] = {
        "type": f"https://auth0.com/api-errors#{code}",
        "status": status,
        "title": title,
        "detail": detail,
    }
    if validation_errors:
        body["validation_errors"] = list(validation_errors)
    return json_answer(body, status, (headers or {}).items())


def problem(status: int, detail: str, validation_errors: Sequence[Mapping[str, str]] = ()) -> Refusal:
    """Return a refusal with a problem body."""
    return Refusal(lambda: problem_answer(status, detail, validation_errors), detail)


class MyAccountFamily:
    """``{"type", "status", "title", "detail", "validation_errors"?}``."""

    retry_after = True

    def rate_limited(self, headers: Mapping[str, str]) -> Answer:
        """Return 429 with ``retry-after``."""
        kind = {"x-auth0-error-kind": "too_many_requests"}
        return problem_answer(429, "Global rate limit exceeded", headers={**headers, **kind})

    def failed(self, status: int) -> Answer:
        """Return a 5xx."""
        return problem_answer(status, "An internal server error occurred")

    def wrong_method(self) -> Answer:
        """Return 404."""
        return problem_answer(404, "Not Found")


MY_ACCOUNT = MyAccountFamily()
