"""Where an identity provider says whose access token it issued, and how to read what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stateful_oauth.auth0.urls import check_url

_KEYS: Final = {"url", "subject", "email", "prefix"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserinfoEndpoint:
    """A URL that answers a GET with the access token with a JSON object.

    Attributes:
        subject: The member that Auth0 takes the user id from: a text, or a whole number.
        email: The member with the email.
        prefix: What Auth0 puts before it in `identities[].user_id`: custom social and enterprise OpenID
            Connect connections have `NAME|` there.
    """

    url: str
    subject: str = "sub"
    email: str = "email"
    prefix: str = ""


# Microsoft: `sub` of its OpenID Connect userinfo is another one for every application, not what Auth0 shows.
WELL_KNOWN: Final[Mapping[str, UserinfoEndpoint]] = {
    "google-oauth2": UserinfoEndpoint(url="https://openidconnect.googleapis.com/v1/userinfo"),
    "github": UserinfoEndpoint(url="https://api.github.com/user", subject="id"),
    "windowslive": UserinfoEndpoint(
        url="https://graph.microsoft.com/v1.0/me", subject="id", email="userPrincipalName"
    ),
}


def userinfo_endpoints(
    configured: Mapping[str, Mapping[str, Any]], *, allow_http_on_loopback: bool
) -> Mapping[str, UserinfoEndpoint]:
    """Return the endpoints by connection or strategy: the configured ones, and the well known others.

    Raises:
        ValueError: A value has the wrong form; the message names it.
    """
    return {
        **WELL_KNOWN,
        **{name: _endpoint(name, value, allow_http_on_loopback) for name, value in configured.items()},
    }


def _endpoint(name: object, value: object, allow_http_on_loopback: bool) -> UserinfoEndpoint:
    place = f"provider_userinfo[{name!r}]"
    if not isinstance(name, str) or not isinstance(value, Mapping):
        raise ValueError(f"{place} must be a dict with `url`.")  # noqa: TRY004 - one error for every bad value
    if unknown := sorted(str(key) for key in value if key not in _KEYS):
        raise ValueError(f"{place} has unknown keys: {', '.join(unknown)}.")
    if not all(isinstance(text, str) and text for text in value.values()):
        raise ValueError(f"{place} must have texts that are not empty.")
    check_url(value.get("url"), f"{place}: url", allow_http_on_loopback=allow_http_on_loopback)
    return UserinfoEndpoint(**value)
