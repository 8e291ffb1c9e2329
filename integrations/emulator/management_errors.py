"""The error bodies of the Management API (docs/auth0-contract.md §8.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import json_answer
from stateful_oauth.emulator.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.answers import Answer

_PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


def management_answer(
    status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return ``{"statusCode", "error", "message", "errorCode"?}``."""
    phrase = _PHRASES.get(status, "Internal Server Error")
    body: dict[str, Any] = {"statusCode": status, "error": phrase, "message": message}
    if code is not None:
        body["errorCode"] = code
    return json_answer(body, status, (headers or {}).items())


def management_error(status: int, message: str, code: str | None = None) -> Refusal:
    """Return a refusal with a Management API body."""
    return Refusal(lambda: management_answer(status, message, code), message)


def no_such_user() -> Refusal:
    """Return the 404 of a user that is not there (recorded)."""
    return management_error(404, "The user does not exist.", "inexistent_user")


class ManagementFamily:
    """``{"statusCode", "error", "message", "errorCode"?}``."""

    retry_after = False

    def rate_limited(self, headers: Mapping[str, str]) -> Answer:
        """Return 429 ``too_many_requests``."""
        message = (
            "Too many requests. Check the X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset "
            "headers."
        )
        return management_answer(429, message, "too_many_requests", headers)

    def failed(self, status: int) -> Answer:
        """Return a 5xx."""
        return management_answer(status, "An internal server error occurred")

    def wrong_method(self) -> Answer:
        """Return 404."""
        return management_answer(404, "Not Found")


MANAGEMENT = ManagementFamily()
