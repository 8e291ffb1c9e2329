"""Refusals, and the error bodies of the OAuth family of endpoints.

Auth0 has three families of error bodies (OAuth, My Account, Management). A family is one object with the
shape of ``Family``; a route names the family that it belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from stateful_oauth.emulator.answers import json_answer, text_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.emulator.answers import Answer


class Refusal(Exception):
    """Ends the handling of a request with an answer."""

    def __init__(self, answer: Callable[[], Answer], reason: str) -> None:
        super().__init__(reason)
        self.answer = answer


class Family(Protocol):
    """The error bodies of one API."""

    retry_after: bool
    """Whether its 429 says ``retry-after``."""

    def rate_limited(self, headers: Mapping[str, str]) -> Answer:
        """Return its 429, with the ``x-ratelimit-*`` headers given."""

    def failed(self, status: int) -> Answer:
        """Return its answer for a 5xx."""

    def wrong_method(self) -> Answer:
        """Return its answer to a method that the path does not have."""


class OAuthFamily:
    """``{"error", "error_description"}`` (RFC 6749 §5.2)."""

    retry_after = False

    def rate_limited(self, headers: Mapping[str, str]) -> Answer:
        """Return 429 ``too_many_requests``."""
        return _oauth_answer(429, "too_many_requests", "Global limit has been reached", headers)

    def failed(self, status: int) -> Answer:
        """Return a 5xx."""
        error = "temporarily_unavailable" if status == 503 else "server_error"
        return _oauth_answer(status, error, "Internal Server Error")

    def wrong_method(self) -> Answer:
        """Return 404: Auth0 does not know such a route."""
        return not_found()


OAUTH = OAuthFamily()


def not_found() -> Answer:
    """Return the answer to an unknown path."""
    return text_answer("Not found.", 404)


def _oauth_answer(
    status: int, error: str, description: str | None, headers: Mapping[str, str] | None = None
) -> Answer:
    body = {"error": error} if description is None else {"error": error, "error_description": description}
    return json_answer(body, status, (headers or {}).items())


def oauth_error(
    status: int, error: str, description: str | None = None, headers: Mapping[str, str] | None = None
) -> Refusal:
    """Return a refusal with an OAuth error body."""
    return Refusal(lambda: _oauth_answer(status, error, description, headers), f"{error}: {description}")


def denied_by_action(reason: str) -> Refusal:
    """Return what the token endpoint answers to ``api.access.deny()``: 500 with an OAuth body (reported)."""
    return oauth_error(500, "access_denied", reason)


def revoked_by_action(reason: str) -> Refusal:
    """Return what it answers to ``api.refreshToken.revoke()``."""
    return oauth_error(403, "access_denied", reason)


def invalid_grant(description: str) -> Refusal:
    """Return Auth0's ``invalid_grant``, whose status is 403 and not the 400 of RFC 6749 (recorded)."""
    return oauth_error(403, "invalid_grant", description)
