"""System checks of cookies that other hosts of the domain can set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured

from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.apps import AppConfig

_PREFIX: Final = "__Host-"


@register(Tags.security, deploy=True)
def check_cookies(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check that no other host of the domain can set the session's cookie or that of CSRF.

    Returns:
        `stateful_oauth.W006` for each cookie without the `__Host-` prefix, or with what browsers refuse
        together with it (RFC 6265bis §4.1.3.2). A site without https can have no such cookies.
        `stateful_oauth.W015` for cookies that do not fit together in a frame.
    """
    try:
        if not conf.cookie_secure:
            return []
    except ImproperlyConfigured:
        return []  # `check_settings` says so
    return [*_session(), *_csrf(), *_frames()]


def _session() -> Iterator[CheckMessage]:
    if not _is_own("SESSION"):
        yield _planted("SESSION", "sessionid")


def _csrf() -> Iterator[CheckMessage]:
    if not settings.CSRF_USE_SESSIONS and not _is_own("CSRF"):
        yield _planted("CSRF", "csrftoken")


def _frames() -> Iterator[CheckMessage]:
    if conf.cookie_samesite != "None":
        return
    if not conf.frame_ancestors:
        yield Warning(
            "COOKIE_SAMESITE is 'None', but FRAME_ANCESTORS is empty, so no site can show a page in a frame.",
            hint="Name the sites in FRAME_ANCESTORS, or set COOKIE_SAMESITE to 'Lax'.",
            id="stateful_oauth.W015",
        )
    for name in ("SESSION_COOKIE_SAMESITE", "CSRF_COOKIE_SAMESITE"):
        if str(getattr(settings, name)).lower() != "none":
            yield Warning(
                f"COOKIE_SAMESITE is 'None', but {name} is not. Browsers do not send that cookie in a frame.",
                hint=f'Set {name} = "None".',
                id="stateful_oauth.W015",
            )


def _is_own(cookie: str) -> bool:
    return (
        getattr(settings, f"{cookie}_COOKIE_NAME").startswith(_PREFIX)
        and getattr(settings, f"{cookie}_COOKIE_SECURE")
        and getattr(settings, f"{cookie}_COOKIE_PATH") == "/"
        and not getattr(settings, f"{cookie}_COOKIE_DOMAIN")
    )


def _planted(cookie: str, name: str) -> CheckMessage:
    return Warning(
        f"Another host of your domain can set the cookie of {cookie}_COOKIE_NAME.",
        hint=f'Set {cookie}_COOKIE_NAME = "{_PREFIX}{name}" and {cookie}_COOKIE_SECURE = True, without '
        f"{cookie}_COOKIE_DOMAIN, and with {cookie}_COOKIE_PATH = '/'. See SECURITY.md.",
        id="stateful_oauth.W006",
    )
